"""Recipes: the typed description of each artefact, a module per YAML file."""
