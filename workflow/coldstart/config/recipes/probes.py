"""Recipes of probes: how good an embedding is, measured with all labels."""

from coldstart.config.recipes.model import Count, Model, Positive


class Probe(Model):
    """A k-nearest-neighbour and a linear classifier on frozen embeddings of all candidates."""

    k: Count = 200
    """Neighbours that vote; all candidates where they are fewer (Wu et al. 2018)."""
    temperature: Positive = 0.1
    """Temperature of the votes' weights, exp(cosine / temperature)."""
    c: Positive = 1.0
    """Inverse strength of the linear classifier's L2 penalty, as scikit-learn's ``C``."""
    tolerance: Positive = 1e-5
    """Stop of the linear classifier: relative decrease of its objective that a further step is
    expected to give."""
    batch_size: Count = 512
    """Images embedded at a time; it changes no number."""
