"""The ranking of a user's own images, and its hand-over to Label Studio."""
