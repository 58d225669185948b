"""Metrics of learners, a module for each, which is found by its recipe's name.

Each has ``measure(judged, recipe)``, which returns a number, or one for each class: float
[classes], not a number where a class has no value.
"""
