"""Embeddings and scores of images under an encoder."""
