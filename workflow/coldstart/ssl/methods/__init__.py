"""Methods of pretraining: one module each, named as in a recipe's ``method``."""
