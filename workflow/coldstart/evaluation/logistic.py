"""Multinomial logistic regression for many label subsets of one embedding at once.

A study fits hundreds of linear probes on the same frozen embeddings: one for every budget, sampler
and seed. Each is the convex problem of scikit-learn's ``LogisticRegression(C=c)``,

    minimise over W, b:   C * sum_i cross_entropy(W x_i + b, y_i) + ||W||^2 / 2,

so a batch of them is solved together: by Newton's method to the solution, or by L-BFGS
(``coldstart.evaluation.lbfgs``) to a stop on the loss, which takes a fraction of the time.

Newton's method works in centred principal axes. It may: the penalty does not change when features
are rotated, nor when they are shifted, because the intercept is free. In these axes a diagonal
preconditioner serves even badly scaled embeddings, and a subset of n < dim rows has only n axes.
Subsets with more rows share the axes of all rows. The largest of them is solved first, and each
subset of it starts from that solution, which saves a third of the work.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from coldstart.common.errors import ColdstartError
from coldstart.common.progress import Progress
from coldstart.evaluation.lbfgs import MAX_STEPS, minimise_loss
from coldstart.evaluation.newton import MAX_NEWTON_STEPS, Problems, minimise

log = logging.getLogger("coldstart")

CHUNK_BYTES = 256 * 2**20


def fit_probes(
    features: NDArray[np.float32],
    labels: NDArray[np.integer],
    subsets: Sequence[NDArray[np.integer]],
    classes: int,
    c: float,
    tolerance: float | None = None,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Fit one linear probe to each subset of the rows.

    A class that a subset lacks has coefficients 0 and intercept -inf, so that its probability is
    exactly 0; a subset with one class predicts it with probability 1. With two classes present
    scikit-learn gives one vector w; here the two have -w/2 and w/2, the same probabilities.

    Args:
        features: [n, dim] embeddings.
        labels: [n] whole numbers from 0 to ``classes - 1``.
        subsets: row numbers of each training set, of any sizes from 1 up.
        classes: number of classes.
        c: inverse strength of the penalty, as scikit-learn's ``C``.
        tolerance: relative decrease of the objective that a further step is expected to give when
            a fit stops; without it coefficients are exact to 3e-4 of their norm.

    Returns:
        Coefficients [subsets, classes, dim] and intercepts [subsets, classes].

    Raises:
        ColdstartError: features that are not finite, a label out of range, an empty subset, or a
            ``c`` that is not positive.
    """
    _check(features, labels, subsets, classes, c)
    data = _Data(
        torch.as_tensor(features),
        torch.as_tensor(labels, dtype=torch.long),
    )
    coef = np.zeros((len(subsets), classes, features.shape[1]), dtype=np.float32)
    intercept = np.full((len(subsets), classes), -np.inf, dtype=np.float32)
    progress = _Progress([len(rows) for rows in subsets])
    unsolved = 0
    for members in reversed(list(_chunks([len(rows) for rows in subsets], features.shape[1]))):
        progress.begin(members)
        chosen = [subsets[i] for i in members]
        if tolerance is None:
            W, b, failed = _fit_chunk(data, chosen, classes, c, progress)
        else:
            W, b, failed = _fit_loss(data, chosen, classes, c, tolerance, progress)
        coef[members], intercept[members] = W.float().cpu().numpy(), b.float().cpu().numpy()
        unsolved += failed
        progress.end()
    if unsolved:
        log.warning(
            "%d of %d linear probes did not converge in %d steps; lower C or standardise the "
            "embeddings",
            unsolved,
            len(subsets),
            MAX_NEWTON_STEPS if tolerance is None else MAX_STEPS,
        )
    return coef, intercept


def _check(
    features: NDArray[np.float32],
    labels: NDArray[np.integer],
    subsets: Sequence[NDArray[np.integer]],
    classes: int,
    c: float,
) -> None:
    if not c > 0:
        raise ColdstartError(f"linear probes: C must be positive, not {c}")
    if not np.isfinite(features).all():
        raise ColdstartError("linear probes: the embeddings hold NaN or infinity; encode them anew")
    if len(labels) and (labels.min() < 0 or labels.max() >= classes):
        raise ColdstartError(f"linear probes: labels must lie between 0 and {classes - 1}")
    if any(len(rows) == 0 for rows in subsets):
        raise ColdstartError("linear probes: a subset has no labelled image; raise the budget")


class _Progress:
    """Progress over fits and within them, in per cent of all rows.

    A fit's distance from its goal shrinks by about the same factor in each step. The share of a fit
    that is done is therefore measured on the logarithm of that distance.
    """

    def __init__(self, sizes: Sequence[int]) -> None:
        self.sizes, self.finished, self.running = sizes, 0, 0
        self.first = 0.0
        self.shown = Progress("linear probes, per cent", 100)

    def begin(self, members: Sequence[int]) -> None:
        """Begin with these fits."""
        self.running, self.first = sum(self.sizes[i] for i in members), 0.0

    def step(self, number: int, excess: float) -> None:
        """Count a step.

        Args:
            number: of steps so far.
            excess: how many times as far from the goal as allowed the farthest fit is.
        """
        distance = float(np.log(max(excess, 1.0)))
        self.first = max(self.first, distance)
        share = 1 - distance / self.first if self.first else 0.0
        self._show(self.finished + share * self.running, f"step {number}")

    def end(self) -> None:
        """Count the fits as finished."""
        self.finished += self.running
        self._show(self.finished, "")

    def _show(self, rows: float, note: str) -> None:
        per_cent = int(100 * rows / sum(self.sizes))
        # 100 per cent is shown once all fits have ended.
        per_cent = min(per_cent, 100 if self.finished == sum(self.sizes) else 99)
        self.shown.advance(max(0, per_cent - self.shown.done), note)


class _Data:
    """Embeddings and labels on the device, and the principal axes that large subsets share.

    Attributes:
        solved: subsets, the largest first, and their solutions [K, D + 1] in these axes.
    """

    def __init__(self, features: Tensor, labels: Tensor) -> None:
        self.features, self.labels = features, labels
        self.solved: list[tuple[NDArray[np.integer], Tensor]] = []

    @cached_property
    def mean(self) -> Tensor:
        """Mean of all rows, [dim]."""
        return self.features.mean(0, dtype=torch.double)

    @cached_property
    def gram(self) -> Tensor:
        """Covariance of all rows, [dim, dim] float32."""
        gram = self.mean.new_zeros(len(self.mean), len(self.mean)).float()
        for rows in torch.split(self.features, 8192):
            centred = rows - self.mean.float()
            gram += centred.T @ centred
        return gram / len(self.features)

    @cached_property
    def axes(self) -> Tensor:
        """Eigenvectors of the covariance of all rows, [dim, dim] float64."""
        covariance = self.mean.new_zeros(len(self.mean), len(self.mean))
        for rows in self._centred():
            covariance += rows.T @ rows
        vectors: Tensor = torch.linalg.eigh(covariance)[1]
        return vectors

    @cached_property
    def rotated(self) -> Tensor:
        """Return all rows in these axes: [n, dim] float64."""
        return torch.cat([rows @ self.axes for rows in self._centred()])

    def guess(self, subsets: Sequence[NDArray[np.integer]], theta: Tensor) -> None:
        """Fill ``theta`` [B, K, D + 1] with the solution of the smallest subset around each.

        That subset contains all rows of the fit. The solution of a subset that lacks a few of the
        rows is no better a start than 0.
        """
        left = set(range(len(subsets)))
        inside = np.empty(len(self.labels), dtype=bool)
        for rows, solution in reversed(self.solved):
            inside[:] = False
            inside[rows] = True
            within = {i for i in left if inside[subsets[i]].all()}
            theta[list(within)] = solution
            left -= within

    def nearest(self, subsets: Sequence[NDArray[np.integer]]) -> tuple[Tensor, Tensor] | None:
        """Return the fits of the smallest subsets around.

        These are coefficients [B, K, D] and intercepts [B, K, 1].

        They are 0 for a fit without such a subset, and for a class that the subset lacks. None is
        returned if no fit has one.
        """
        if not self.solved:
            return None
        theta = torch.zeros(len(subsets), *self.solved[0][1].shape)
        self.guess(subsets, theta)
        theta = theta.masked_fill(theta.isinf(), 0.0)
        return theta[..., :-1], theta[..., -1:]

    def _centred(self) -> Iterator[Tensor]:
        return (rows.double() - self.mean for rows in torch.split(self.features, 8192))


def _chunks(sizes: Sequence[int], dim: int) -> Iterator[list[int]]:
    """Yield batches of subsets of similar size, to pad little, of at most ``CHUNK_BYTES``."""
    batch: list[int] = []
    for i in np.argsort(sizes, kind="stable").tolist():
        size = sizes[i]
        # A problem keeps its features in float64 and float32 and, in float32, their squares.
        room = CHUNK_BYTES // (16 * size * dim)
        if batch and (size > 1.15 * sizes[batch[0]] + 3 or len(batch) >= room):
            yield batch
            batch = []
        batch.append(i)
    if batch:
        yield batch


def _fit_chunk(
    data: _Data,
    subsets: Sequence[NDArray[np.integer]],
    classes: int,
    c: float,
    progress: _Progress,
) -> tuple[Tensor, Tensor, int]:
    """Return coefficients [B, K, D], intercepts [B, K], and the number of unsolved problems."""
    device, longest = data.features.device, max(map(len, subsets))
    rows_of, mask = _padded(subsets)
    target = torch.nn.functional.one_hot(data.labels[rows_of], classes).double().mT * mask
    present = target.sum(2, keepdim=True) > 0
    # With two classes scikit-learn penalises one vector w, the difference of the classes' two.
    # Their ||W||^2 is half of ||w||^2: as if the losses, too, had half the weight.
    weight = torch.where(present.sum(1, keepdim=True) == 2, c / 2, c).double()

    shared = longest >= data.features.shape[1]
    Z, mean, restore = (_shared_axes if shared else _own_axes)(data, rows_of, mask)
    problems = Problems.build(Z, mask, target, present, weight)
    theta = torch.zeros(len(subsets), classes, problems.Z.shape[2], dtype=Z.dtype, device=device)
    if shared:
        data.guess(subsets, theta)
    theta, failed = minimise(problems, theta * present, progress.step)
    if shared:
        data.solved += zip(subsets, theta, strict=True)
    W = restore(theta[..., :-1])
    b = theta[..., -1:] - W @ mean
    b = b - (b * present).sum(1, keepdim=True) / present.sum(1, keepdim=True)
    return W, b.masked_fill(~present, -torch.inf).squeeze(2), failed


def _fit_loss(
    data: _Data,
    subsets: Sequence[NDArray[np.integer]],
    classes: int,
    c: float,
    tolerance: float,
    progress: _Progress,
) -> tuple[Tensor, Tensor, int]:
    """Fit as ``_fit_chunk`` does, each to a stop on its loss."""
    rows_of, mask = _padded(subsets)
    # Few rows belong to few classes, and an absent class costs as much as a present one.
    found = [torch.unique(data.labels[rows]) for rows in map(torch.from_numpy, subsets)]
    most = max(map(len, found))
    names = torch.zeros(len(subsets), most, dtype=torch.long)
    numbers = torch.zeros(len(subsets), classes, dtype=torch.long)
    for i, present in enumerate(found):
        names[i, : len(present)] = present
        numbers[i, present] = torch.arange(len(present))
    labels = numbers.gather(1, data.labels[rows_of])
    mean = data.mean.float()
    X = (data.features[rows_of] - mean) * mask.mT.float()
    binary = torch.tensor([len(present) == 2 for present in found])
    weight = torch.where(binary, c / 2, c).double()[:, None, None]

    def report(step: int, expected: float) -> None:
        progress.step(step, expected / tolerance)

    gram = data.gram if X.shape[1] >= X.shape[2] else None
    guess = data.nearest(subsets)
    if guess is not None:
        W, b = guess
        W, b = (part.gather(1, names[..., None].expand(-1, -1, part.shape[2])) for part in (W, b))
        guess = W, b + W @ mean[:, None]
    theta, offset, failed = minimise_loss(
        X, labels, mask.float(), most, weight, tolerance, gram, guess, report
    )
    coef = torch.zeros(len(subsets), classes, X.shape[2])
    intercept = torch.full((len(subsets), classes), -torch.inf)
    for i, present in enumerate(found):
        W = theta[i, : len(present)]
        b = offset[i, : len(present), 0] - W @ mean
        coef[i, present], intercept[i, present] = W, b - b.mean()
    data.solved += zip(subsets, torch.cat([coef, intercept[..., None]], 2), strict=True)
    return coef, intercept, failed


def _padded(subsets: Sequence[NDArray[np.integer]]) -> tuple[Tensor, Tensor]:
    """Return row numbers [B, n], padded with 0, and a mask [B, 1, n] float64, 0 on padding."""
    longest = max(map(len, subsets))
    index = np.zeros((len(subsets), longest), dtype=np.int64)
    filled = np.zeros((len(subsets), 1, longest))
    for i, rows in enumerate(subsets):
        index[i, : len(rows)], filled[i, 0, : len(rows)] = rows, 1
    return torch.from_numpy(index), torch.from_numpy(filled)


Restore = Callable[[Tensor], Tensor]


def _own_axes(data: _Data, rows_of: Tensor, mask: Tensor) -> tuple[Tensor, Tensor, Restore]:
    """Express each subset in its own principal axes, at most as many as it has rows.

    Args:
        data: the embeddings.
        rows_of: [B, n] row numbers, padded with any.
        mask: [B, 1, n], 0 on padding.

    Returns:
        Features [B, n, r]; the means [B, D, 1], which were subtracted; and a function that maps
        coefficients [B, K, r] in these axes to coefficients [B, K, D] of the embeddings.
    """
    X = data.features[rows_of].double()
    mean = mask @ X / mask.sum(2, keepdim=True)
    X = (X - mean) * mask.mT
    values, vectors = torch.linalg.eigh(X @ X.mT)
    # Below this an eigenvalue is rounding error.
    noise = values[:, -1:] * X.shape[1] * torch.finfo(values.dtype).eps
    lengths = torch.where(values > noise, values, 0).sqrt().unsqueeze(1)
    inverse = torch.where(lengths > 0, 1 / lengths, 0)

    def restore(coef: Tensor) -> Tensor:
        in_rows: Tensor = coef @ (vectors * inverse).mT
        return in_rows @ X

    return vectors * lengths, mean.mT, restore


def _shared_axes(data: _Data, rows_of: Tensor, mask: Tensor) -> tuple[Tensor, Tensor, Restore]:
    """Express every subset in the principal axes of all rows: as ``_own_axes``, with r = D."""

    def restore(coef: Tensor) -> Tensor:
        return coef @ data.axes.T

    return data.rotated[rows_of] * mask.mT, data.mean[:, None], restore
