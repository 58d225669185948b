"""Data: sources of images, and pools made of them."""
