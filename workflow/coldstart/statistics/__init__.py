"""Statistics over samplers: pure functions of tables, higher values are better."""

ALPHA = 0.05
"""Significance level of all tests."""
