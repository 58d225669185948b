"""Readers of image sets, one module for each source; see ``coldstart.data.source``."""
