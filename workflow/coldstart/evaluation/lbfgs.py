"""L-BFGS for many multinomial regressions at once, which stops when the loss hardly falls.

Nocedal and Wright, Numerical Optimization, 2nd ed., algorithm 7.5. Three choices keep the number of
steps small. The start is a ridge regression of the classes, scaled so that its loss is least. The
initial approximation of the Hessian is the ridge regression's matrix. And a problem with fewer rows
than features is solved in the space of its rows.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

MEMORY = 10
"""Number of past steps that approximate the Hessian (the memory m)."""
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
        inverse: [B, r, r] or [r, r]: of the ridge's matrix, times its penalty.
    """

    F: Tensor
    target: Tensor
    floor: Tensor
    mask: Tensor
    weight: Tensor
    inverse: Tensor

    def keep(self, which: Tensor) -> "_Problems":
        """Return the problems of the batch that the mask ``which``, bool [B], keeps."""
        own = {name: part[which] for name, part in vars(self).items() if part.dim() == 3}
        return replace(self, **own)

    def value(self, theta: Tensor, logits: Tensor) -> tuple[Tensor, Tensor]:
        """Return the objective, [B, 1, 1] float64, and the probabilities [B, K, n]."""
        shifted = logits + self.floor
        most = shifted.amax(1, keepdim=True)
        odds = shifted.sub_(most).exp_()
        total = odds.sum(1, keepdim=True)
        loss = (total.log() + most) * self.mask - (self.target * logits).sum(1, keepdim=True)
        penalty = _dot(theta[..., :-1], theta[..., :-1]) / 2
        value = self.weight * loss.sum(2, keepdim=True, dtype=torch.double) + penalty
        return value, odds.mul_(self.mask / total)

    def gradient(self, theta: Tensor, probabilities: Tensor) -> Tensor:
        """Return the gradient of the objective: [B, K, r]."""
        gradient = self.weight * ((probabilities - self.target) @ self.F)
        gradient[..., :-1] += theta[..., :-1]
        return gradient

    def solve(self, gradient: Tensor) -> Tensor:
        """Return the gradient [B, K, r] times the inverse of the initial Hessian."""
        return gradient @ self.inverse


def minimise_loss(
    X: Tensor,
    labels: Tensor,
    mask: Tensor,
    classes: int,
    weight: Tensor,
    tolerance: float,
    gram: Tensor | None = None,
    guess: tuple[Tensor, Tensor] | None = None,
    report: Callable[[int, float], None] | None = None,
) -> tuple[Tensor, Tensor, int]:
    """Minimise each problem's objective, and stop when a further step would hardly lower it.

    Args:
        X: float32 [B, n, D] features, 0 on padding.
        labels: int64 [B, n], any on padding.
        mask: float32 [B, 1, n], 0 on padding.
        classes: number of classes K.
        weight: [B, 1, 1]: C.
        tolerance: expected decrease at which to stop, relative to the objective.
        gram: [D, D] mean outer product of rows like these, for problems with more rows than
            features; one serves them all.
        guess: coefficients [B, K, D] and intercepts [B, K, 1] that may be near the solution.
        report: called before each step with its number and the largest expected decrease.

    Returns:
        Coefficients [B, K, D], intercepts [B, K, 1], and the number of problems left unsolved.
    """
    target = torch.zeros(len(X), classes, X.shape[1]).scatter_(1, labels[:, None], mask)
    present = target.sum(2, keepdim=True) > 0
    floor = torch.where(present, 0.0, -torch.inf)
    inner = _row_space(X) if X.shape[1] < X.shape[2] else X
    F = torch.cat([inner, mask.mT], 2)
    rows = float(mask.sum((1, 2)).mean())
    ridge = max(RIDGE, 1 / float(weight.mean())) * float(present.sum(1).double().mean())
    square = F.mT @ F if gram is None or inner is not X else _bordered(rows * gram, rows)
    inverse = _inverse(square, rows, ridge)
    problems = _Problems(F, target, floor, mask, weight.float(), inverse)
    starts = [_ridge(problems, present)]
    if guess is not None:
        W, b = guess
        if inner is not X:
            logits = (W @ X.mT).mT
            W = torch.linalg.solve_triangular(inner, logits, upper=False).mT
        starts.append(torch.cat([W, b], 2) * present)
    theta, unsolved = _minimise(problems, starts, report, tolerance)
    coef, intercept = theta[..., :-1], theta[..., -1:]
    if inner is not X:
        coef = torch.linalg.solve_triangular(inner, coef, upper=False, left=False) @ X
    return coef, intercept, unsolved


def _row_space(X: Tensor) -> Tensor:
    """Return L [B, n, n], lower triangular, with L L^T = X X^T, the same inner products."""
    gram = (X @ X.mT).double()
    diagonal = gram.diagonal(dim1=1, dim2=2)
    # Equal rows and padding make X X^T singular. The small term added here changes no loss.
    diagonal += 1e-6 * diagonal.mean(1, keepdim=True) + torch.finfo(torch.float32).tiny
    triangle: Tensor = torch.linalg.cholesky(gram)
    return triangle.float()


def _bordered(square: Tensor, rows: float) -> Tensor:
    """Append the constant feature to a sum of outer products [D, D] of centred rows."""
    bordered = torch.nn.functional.pad(square, (0, 1, 0, 1))
    bordered[-1, -1] = rows
    return bordered


def _inverse(square: Tensor, rows: float, ridge: float) -> Tensor:
    """Return the inverse of F^T F [..., r, r] plus the ridge penalty, times that penalty."""
    matrix = square.clone()
    diagonal = matrix.diagonal(dim1=-2, dim2=-1)
    diagonal[..., :-1] += ridge
    diagonal[..., -1] += FLAT * rows
    inverse: Tensor = ridge * torch.cholesky_inverse(torch.linalg.cholesky(matrix))
    return inverse


def _minimise(
    problems: _Problems,
    starts: list[Tensor],
    report: Callable[[int, float], None] | None,
    tolerance: float,
) -> tuple[Tensor, int]:
    """Minimise from the best start [B, K, r]. Return theta, and the number of unsolved problems."""
    theta, logits, value, probabilities = _best(problems, starts)
    result, active = theta.clone(), torch.arange(len(theta))
    gradient = problems.gradient(theta, probabilities)
    solved = problems.solve(gradient)
    pairs: list[_Pair] = []
    scale = torch.ones_like(problems.weight)
    for step in range(MAX_STEPS):
        direction = -_two_loops(gradient, solved, pairs, scale)
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
            theta, logits, gradient, solved, direction, decrease, value, scale = (
                x[left]
                for x in (theta, logits, gradient, solved, direction, decrease, value, scale)
            )
            pairs = [tuple(part[left] for part in pair) for pair in pairs]
        along = direction @ problems.F.mT
        length, value, probabilities = _line_search(
            problems, theta, logits, direction, along, value, decrease
        )
        moved = length * direction
        theta, logits = theta + moved, logits.addcmul_(length, along)
        before = gradient, solved
        gradient = problems.gradient(theta, probabilities)
        solved = problems.solve(gradient)
        change, image = gradient - before[0], solved - before[1]
        product = _dot(moved, change)
        bends = product > 0
        rho = torch.where(bends, 1 / product, 0).float()
        pairs = [*pairs, (moved, change, image, rho)][-MEMORY:]
        scale = torch.where(bends, product / _dot(change, image), scale).float()
    else:
        left = torch.ones(len(active), dtype=torch.bool)
    result[active] = theta
    return result, int(left.sum())


def _ridge(problems: _Problems, present: Tensor) -> Tensor:
    """Return the ridge regression of the classes, [B, K, r], up to its scale."""
    count = present.sum(1, keepdim=True)
    centred = (problems.target - problems.mask / count) * present
    return problems.solve(centred @ problems.F)


def _best(problems: _Problems, starts: list[Tensor]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return the best of the starts [B, K, r], each scaled first: theta, logits, value, P."""
    scaled = [_scaled(problems, start) for start in starts]
    found = [problems.value(*start) for start in scaled]
    theta, logits = scaled[0]
    value, probabilities = found[0]
    for start, (its_value, its_probabilities) in zip(scaled[1:], found[1:], strict=True):
        better = its_value < value
        theta, logits = (
            torch.where(better, mine, best)
            for mine, best in zip(start, (theta, logits), strict=True)
        )
        probabilities = torch.where(better, its_probabilities, probabilities)
        value = torch.where(better, its_value, value)
    return theta, logits, value, probabilities


def _scaled(problems: _Problems, theta: Tensor) -> tuple[Tensor, Tensor]:
    """Scale theta [B, K, r] by the factor with the least loss; return it and its logits."""
    logits = theta @ problems.F.mT
    square = _dot(theta[..., :-1], theta[..., :-1])
    own = (problems.target * logits).sum((1, 2), keepdim=True, dtype=torch.double)
    scale = torch.ones_like(square)
    tiny = torch.finfo(torch.float32).tiny
    for _ in range(8):  # Newton's method on the factor alone; a step changes it 4-fold at most
        odds = torch.softmax(scale.float() * logits + problems.floor, 1) * problems.mask
        mean = (odds * logits).sum(1, keepdim=True)
        spread = (odds * logits.square()).sum(1, keepdim=True) - mean.square()
        slope = problems.weight * (mean.sum(2, keepdim=True) - own) + scale * square
        bend = problems.weight * spread.sum(2, keepdim=True) + square
        new = torch.clamp(scale - slope / bend.clamp(min=tiny), scale / 4, scale * 4)
        near = ((new - scale).abs() < 0.02 * scale).all()
        scale = new
        if near:
            break
    return theta * scale.float(), logits * scale.float()


_Pair = tuple[Tensor, ...]
"""A move, the gradient's change, its product with the first guess's inverse, and 1 / (y s)."""


def _two_loops(gradient: Tensor, solved: Tensor, pairs: list[_Pair], scale: Tensor) -> Tensor:
    """Return the gradient [B, K, r] times the inverse Hessian that the pairs approximate.

    The products of the initial inverse Hessian with the gradient and with each change are known
    already, so none is computed here.
    """
    rest, found, lengths = gradient.clone(), solved.clone(), []
    for moved, change, image, rho in reversed(pairs):
        length = rho * (moved * rest).sum((1, 2), keepdim=True)
        rest.addcmul_(length, change, value=-1)
        found.addcmul_(length, image, value=-1)
        lengths.append(length)
    found *= scale
    for (moved, change, _, rho), length in zip(pairs, reversed(lengths), strict=True):
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
    slack = 1e-6 * value.abs()  # sums of float32 numbers are exact to about this
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
    """Return the inner product of each problem: [B, 1, 1] float64."""
    return (a * b).sum((1, 2), keepdim=True, dtype=torch.double)
