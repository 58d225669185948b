"""Numbers that stand in the place of a class: those of images that have none."""

OUTLIER = -1
"""Label of an image that belongs to none of the classes."""

UNLABELLED = -2
"""Label of an image that was never labelled."""
