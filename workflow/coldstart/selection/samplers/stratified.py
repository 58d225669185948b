"""Stratified random labelling: as many images from each cluster, or its share of them."""

from abc import abstractmethod
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from coldstart.config.recipes.model import Count
from coldstart.selection.base import Picks, Query, Sampler, Tables
from coldstart.selection.samplers.clustering import k_means


class Stratified(Sampler):
    """As many images from each cluster, or its share of them ("On initial pools", section 3.2.2).

    The paper divides a budget ``B`` among ``K`` clusters as ``B / K`` each, or by the clusters'
    sizes; within a cluster, chance decides. It does not say what becomes of fractions. Here the
    images are dealt out one after the other, each to the cluster whose weight (1, or its size) is
    largest beside the number of its labels and picks so far, plus a half; among several that are
    level, chance decides once for all. That is Webster's method of apportionment. With equal
    weights it gives what the method of largest remainders does; with sizes it gives each cluster
    its share, rounded, but contrary to that method no cluster ever loses an image when the budget
    grows, so that a smaller budget's picks are the first of a larger one's.

    A cluster that has no more images is passed over, and the others get what it lacks. Labelled
    images count in a cluster's size and among what it has got. The score is the weight divided by
    the labels and picks so far, plus a half; it never rises.
    """

    allocation: Literal["equal", "proportional"]

    stochastic: ClassVar = True
    nested: ClassVar = True

    def _pick(self, query: Query) -> Picks:
        everything = query.everything
        strata = self._strata(everything, query.rng)
        sizes = np.bincount(strata)
        weights = np.ones(len(sizes)) if self.allocation == "equal" else sizes.astype(np.float64)
        turn = query.rng.permutation(len(sizes))[strata]
        draws = query.rng.random(len(strata))
        left = everything.left
        # Images are numbered within their cluster: labelled ones first, the rest in random order.
        order = np.lexsort((draws, left, strata))
        number = np.empty(len(order))
        number[order] = np.arange(len(order)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        quotients = weights[strata] / (number + 0.5)
        order = np.lexsort((turn, -quotients))
        picked = order[left[order]][: query.budget]
        return Picks(everything.ids[picked], quotients[picked])

    @abstractmethod
    def _strata(self, tables: Tables, rng: np.random.Generator) -> NDArray[np.int64]:
        """Cluster of each row, int64 [n], numbered from 0 without gaps."""


class StratifiedKMeans(Stratified):
    """Stratified by k-means clusters of all embeddings, labelled ones among them."""

    sampler: Literal["stratified-kmeans"]
    clusters: Count = 10
    """As many as there are classes, in the paper."""
    restarts: Count = 10
    """k-means runs from as many starts; the best one counts (scikit-learn's ``n_init``)."""

    reads: ClassVar = frozenset({"embeddings"})

    def _strata(self, tables: Tables, rng: np.random.Generator) -> NDArray[np.int64]:
        return k_means(tables.embeddings, self.clusters, rng, self.restarts)


class StratifiedClusters(Stratified):
    """Stratified by the clusters that the encoder itself assigns, such as SCAN's."""

    sampler: Literal["stratified-clusters"]

    reads: ClassVar = frozenset({"clusters"})

    def _strata(self, tables: Tables, rng: np.random.Generator) -> NDArray[np.int64]:
        numbered: NDArray[np.int64] = np.unique(tables.clusters, return_inverse=True)[1]
        return numbered
