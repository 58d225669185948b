"""Evaluation: how good a learner gets with what was picked."""
