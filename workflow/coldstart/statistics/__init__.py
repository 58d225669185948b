"""Statistics over samplers: pure functions of tables, higher values are better."""

ALPHA = 0.05
"""Above this p nothing is said to differ."""
