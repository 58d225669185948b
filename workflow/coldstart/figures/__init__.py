"""Figures and tables, one module per kind."""
