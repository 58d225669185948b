"""Recipes, studies and settings: what a user writes, typed and checked."""
