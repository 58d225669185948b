"""Embeddings of images, and the scores that a pretrained model gives them."""
