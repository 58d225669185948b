"""Checks of recipes and studies that show only when they are held together."""
