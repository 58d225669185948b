"""Evaluation of learners on test images, and of encoders with all labels."""
