"""Recipes of learners, a module for each, which is found by its name.

The module of the same name in ``coldstart.learners`` does what a recipe describes.
"""
