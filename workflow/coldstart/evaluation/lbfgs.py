"""L-BFGS for many multinomial regressions at once, to a stop on the loss.

Nocedal and Wright, Numerical Optimization, 2nd ed., algorithm 7.5. Three things make its steps few:
it sets out from a ridge regression of the classes, scaled to the least loss; the ridge's matrix
serves as the first guess of the curvature; and with fewer rows than features all is done in the
space of the rows.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

LOSS_TOLERANCE = 1e-4
"""Expected decrease of the objective by a further Newton step, relative to the objective."""
MEMORY = 10
"""Steps that the curvature is learnt from."""
MAX_STEPS = 300
RIDGE = 30.0
"""Penalty of the ridge regression, for each class. Where a penalty of C = 1 tells classes apart,
the curvature of a row's loss at the minimum is about one over this and the number of classes. With
smaller C they are not told apart, and it is about one over the number of classes."""
FLAT = 1e-3
"""Penalty of the ridge's intercept, for each row, so that its matrix is never singular."""


@dataclass
class _Problems:
    """A batch of problems; ``r`` counts features and, last, the constant one. All float32.

    Attributes:
        F: [B, n, r] features, 0 on padding.
        target: [B, K, n] one-hot, 0 on padding.
        floor: [B, K, 1]: -inf for classes that a problem lacks, else 0.
        mask: [B, 1, n]: 0 on padding.
        weight: [B, 1, 1]: C.
        factor: [B, r, r]: Cholesky factor of the ridge's matrix.
        ridge: penalty of the ridge.
    """

    F: Tensor
    target: Tensor
    floor: Tensor
    mask: Tensor
    weight: Tensor
    factor: Tensor
    ridge: float

    def keep(self, which: Tensor) -> "_Problems":
        """Those of the batch that [B] bool ``which`` names."""
        parts = (self.F, self.target, self.floor, self.mask, self.weight, self.factor)
        F, target, floor, mask, weight, factor = (part[which] for part in parts)
        return _Problems(F, target, floor, mask, weight, factor, self.ridge)

    def value(self, theta: Tensor, logits: Tensor) -> tuple[Tensor, Tensor]:
        """The objective [B, 1, 1] float64, and the probabilities [B, K, n]."""
        shifted = logits + self.floor
        most = shifted.amax(1, keepdim=True)
        odds = shifted.sub_(most).exp_()
        total = odds.sum(1, keepdim=True)
        loss = (total.log() + most) * self.mask - (self.target * logits).sum(1, keepdim=True)
        penalty = _dot(theta[..., :-1], theta[..., :-1]) / 2
        value = self.weight * loss.sum(2, keepdim=True, dtype=torch.double) + penalty
        return value, odds.mul_(self.mask / total)

    def gradient(self, theta: Tensor, probabilities: Tensor) -> Tensor:
        """[B, K, r]: the objective's."""
        gradient = self.weight * ((probabilities - self.target) @ self.F)
        gradient[..., :-1] += theta[..., :-1]
        return gradient

    def solve(self, gradient: Tensor) -> Tensor:
        """The gradient [B, K, r] by the inverse of the first guess of the curvature."""
        return self.ridge * torch.cholesky_solve(gradient.mT, self.factor).mT


def minimise_loss(
    X: Tensor,
    labels: Tensor,
    mask: Tensor,
    classes: int,
    weight: Tensor,
    report: Callable[[int, float], None] | None = None,
    tolerance: float = LOSS_TOLERANCE,
) -> tuple[Tensor, Tensor, int]:
    """Minimise each problem's objective until a further step would hardly lower it.

    Args:
        X: float32 [B, n, D] features, 0 on padding.
        labels: int64 [B, n], any on padding.
        mask: float32 [B, 1, n], 0 on padding.
        classes: number of classes K.
        weight: [B, 1, 1]: C.
        report: called after each step with its number and the largest expected decrease.
        tolerance: expected decrease at which to stop, relative to the objective.

    Returns:
        Coefficients [B, K, D], intercepts [B, K, 1], and the number of problems left unsolved.
    """
    target = torch.zeros(len(X), classes, X.shape[1]).scatter_(1, labels[:, None], mask)
    present = target.sum(2, keepdim=True) > 0
    floor = torch.where(present, 0.0, -torch.inf)
    inner = _row_space(X) if X.shape[1] < X.shape[2] else X
    F = torch.cat([inner, mask.mT], 2)
    ridge = max(RIDGE, 1 / float(weight.mean())) * float(present.sum(1).double().mean())
    problems = _Problems(F, target, floor, mask, weight.float(), _factor(F, mask, ridge), ridge)
    theta, unsolved = _minimise(problems, present, report, tolerance)
    coef, intercept = theta[..., :-1], theta[..., -1:]
    if inner is not X:
        coef = torch.linalg.solve_triangular(inner, coef, upper=False, left=False) @ X
    return coef, intercept, unsolved


def _row_space(X: Tensor) -> Tensor:
    """Lower triangles L [B, n, n] with L L^T = X X^T: features of the same scalar products."""
    gram = (X @ X.mT).double()
    diagonal = gram.diagonal(dim1=1, dim2=2)
    # Equal rows, and padding, would make it singular; so little more changes no loss.
    diagonal += 1e-6 * diagonal.mean(1, keepdim=True) + torch.finfo(torch.float32).tiny
    triangle: Tensor = torch.linalg.cholesky(gram)
    return triangle.float()


def _factor(F: Tensor, mask: Tensor, ridge: float) -> Tensor:
    """Cholesky factor [B, r, r] of F^T F, penalised."""
    matrix = F.mT @ F
    diagonal = matrix.diagonal(dim1=1, dim2=2)
    diagonal[:, :-1] += ridge
    diagonal[:, -1] += FLAT * mask.sum((1, 2))
    factor: Tensor = torch.linalg.cholesky(matrix)
    return factor


def _minimise(
    problems: _Problems,
    present: Tensor,
    report: Callable[[int, float], None] | None,
    tolerance: float,
) -> tuple[Tensor, int]:
    """Minimise; theta [B, K, r], and how many are unsolved."""
    theta, logits = _start(problems, present)
    result, active = theta.clone(), torch.arange(len(theta))
    value, probabilities = problems.value(theta, logits)
    gradient = problems.gradient(theta, probabilities)
    pairs: list[tuple[Tensor, Tensor, Tensor]] = []
    scale = torch.ones_like(problems.weight)
    for step in range(MAX_STEPS):
        direction = -_two_loops(problems, gradient, pairs, scale)
        decrease = -_dot(gradient, direction)
        expected = decrease / 2 / value.clamp(min=torch.finfo(torch.float32).tiny)
        if report:
            report(step, float(expected.max()))
        left = (expected > tolerance).flatten()
        if not left.any():
            break
        if left.sum() <= 0.7 * len(left):
            result[active] = theta
            problems, active = problems.keep(left), active[left]
            theta, logits, gradient, direction, decrease, value, scale = (
                x[left] for x in (theta, logits, gradient, direction, decrease, value, scale)
            )
            pairs = [(s[left], y[left], rho[left]) for s, y, rho in pairs]
        along = direction @ problems.F.mT
        length, value, probabilities = _line_search(
            problems, theta, logits, direction, along, value, decrease
        )
        moved = length * direction
        theta, logits = theta + moved, logits.addcmul_(length, along)
        new = problems.gradient(theta, probabilities)
        change, gradient = new - gradient, new
        product = _dot(moved, change)
        bends = product > 0
        rho = torch.where(bends, 1 / product, 0).float()
        pairs = [*pairs, (moved, change, rho)][-MEMORY:]
        curvature = _dot(change, problems.solve(change))
        scale = torch.where(bends, product / curvature, scale).float()
    else:
        left = torch.ones(len(active), dtype=torch.bool)
    result[active] = theta
    return result, int(left.sum())


def _start(problems: _Problems, present: Tensor) -> tuple[Tensor, Tensor]:
    """The ridge regression of the classes, scaled to the least loss: theta and its logits."""
    count = present.sum(1, keepdim=True)
    centred = (problems.target - problems.mask / count) * present
    theta = torch.cholesky_solve((centred @ problems.F).mT, problems.factor).mT
    logits = theta @ problems.F.mT
    square = _dot(theta[..., :-1], theta[..., :-1])
    own = (problems.target * logits).sum((1, 2), keepdim=True, dtype=torch.double)
    scale = torch.full_like(problems.weight, 10.0)
    for _ in range(6):  # Newton's steps in one number, each by a factor of 3 at most
        odds = torch.softmax(scale * logits + problems.floor, 1) * problems.mask
        mean = (odds * logits).sum(1, keepdim=True)
        spread = (odds * logits.square()).sum(1, keepdim=True) - mean.square()
        slope = problems.weight * (mean.sum(2, keepdim=True) - own) + scale * square
        bend = problems.weight * spread.sum(2, keepdim=True) + square
        new = scale - slope / bend.clamp(min=torch.finfo(torch.float32).tiny)
        scale = torch.clamp(new, scale / 3, scale * 3).float()
    return theta * scale, logits * scale


def _two_loops(
    problems: _Problems, gradient: Tensor, pairs: list[tuple[Tensor, Tensor, Tensor]], scale: Tensor
) -> Tensor:
    """The gradient [B, K, r] by the inverse of the curvature that the pairs tell of."""
    found, lengths = gradient.clone(), []
    for moved, change, rho in reversed(pairs):
        length = rho * (moved * found).sum((1, 2), keepdim=True)
        found.addcmul_(length, change, value=-1)
        lengths.append(length)
    found = scale * problems.solve(found)
    for (moved, change, rho), length in zip(pairs, reversed(lengths), strict=True):
        found.addcmul_(length - rho * (change * found).sum((1, 2), keepdim=True), moved)
    return found


def _line_search(
    problems: _Problems,
    theta: Tensor,
    logits: Tensor,
    direction: Tensor,
    along: Tensor,
    value: Tensor,
    decrease: Tensor,
) -> tuple[Tensor, Tensor, Tensor]:
    """Halve each step until it lowers the objective enough: lengths, values, probabilities."""
    length = torch.ones_like(problems.weight)
    slack = 1e-6 * value.abs()  # values are sums of float32 numbers
    for _ in range(20):
        new, probabilities = problems.value(
            theta + length * direction, torch.addcmul(logits, length, along)
        )
        short = new <= value - 1e-4 * length * decrease + slack
        if short.all():
            break
        length = torch.where(short, length, length / 2)
    return length, new, probabilities


def _dot(a: Tensor, b: Tensor) -> Tensor:
    """[B, 1, 1] float64."""
    return (a * b).sum((1, 2), keepdim=True, dtype=torch.double)
