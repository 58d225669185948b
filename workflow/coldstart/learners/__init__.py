"""Cycles: classifiers trained on the labels so far, and what samplers that ask them pick next."""
