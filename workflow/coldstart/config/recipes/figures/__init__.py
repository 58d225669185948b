"""Kinds of figures and tables, one class in a module each; ``coldstart.figures`` draws them."""
