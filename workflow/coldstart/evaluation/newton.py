"""Newton's method with truncated conjugate gradients for many multinomial regressions at once.

Nocedal and Wright, Numerical Optimization, 2nd ed., algorithm 7.1.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields

import torch
from torch import Tensor

TOLERANCE = 3e-4  # largest norm of the gradient at the end, relative to that of the coefficients
FORCING = 0.3  # largest relative residual of the conjugate gradients in early steps
MAX_NEWTON_STEPS = 60
MAX_CG_STEPS = 250


@dataclass(frozen=True)
class Problems:
    """A batch of problems of like size; ``r`` counts the axes and, last, the constant feature.

    In tensors with a class axis, it stands before that of rows or features: products with ``Z``
    then take a third of the time.
    """

    Z: Tensor  # [B, n, r] features
    Z32: Tensor  # the same in float32, for the conjugate gradients
    squares: Tensor  # [B, n, r] float32, for the preconditioner
    mask: Tensor  # [B, 1, n]: 0 on padding
    target: Tensor  # [B, K, n] one-hot
    floor: Tensor  # [B, K, 1]: -inf for an absent class, else 0
    weight: Tensor  # [B, 1, 1]: C

    @classmethod
    def build(
        cls, axes: Tensor, mask: Tensor, target: Tensor, present: Tensor, weight: Tensor
    ) -> "Problems":
        """Append the constant feature to the axes [B, n, r - 1]."""
        Z = torch.cat([axes, mask.mT], 2)
        floor = torch.where(present, 0.0, -torch.inf).double()
        return cls(Z, Z.float(), Z.float().square(), mask, target, floor, weight)

    def keep(self, which: Tensor) -> "Problems":
        """Return the problems of the batch that the mask ``which``, bool [B], keeps."""
        return Problems(*(getattr(self, field.name)[which] for field in fields(self)))

    def probabilities(self, logits: Tensor) -> Tensor:
        """Map logits [B, K, n] to probabilities, 0 on padding and for absent classes."""
        return torch.softmax(logits + self.floor, 1) * self.mask

    def gradient(self, theta: Tensor, probabilities: Tensor) -> Tensor:
        """Return the gradient of the objective at ``theta`` [B, K, r], of the same shape."""
        return self.weight * ((probabilities - self.target) @ self.Z) + _penalised(theta)

    def objective(self, theta: Tensor, logits: Tensor) -> Tensor:
        """Return the objective [B, 1, 1] at ``theta`` [B, K, r], whose logits are given."""
        loss = torch.logsumexp(logits + self.floor, 1, keepdim=True) * self.mask
        loss = loss - (self.target * logits).sum(1, keepdim=True)
        penalty = _penalised(theta).square().sum((1, 2), keepdim=True) / 2
        return self.weight * loss.sum(2, keepdim=True) + penalty


def _penalised(theta: Tensor) -> Tensor:
    """Return ``theta`` [..., r] with 0 for the intercept, which has no penalty."""
    return torch.nn.functional.pad(theta[..., :-1], (0, 1))


def _norm(x: Tensor) -> Tensor:
    return x.square().sum((1, 2), keepdim=True).sqrt()


def minimise(
    problems: Problems, theta: Tensor, report: Callable[[int, float], None] | None = None
) -> tuple[Tensor, int]:
    """Minimise each problem's objective, setting out from ``theta`` [B, K, r].

    Args:
        problems: the batch.
        theta: [B, K, r].
        report: called before each step with its number and the largest ratio of a gradient to the
            one at which its problem counts as solved.

    Returns:
        theta [B, K, r], and the number of problems left unsolved.
    """
    result, active = theta.clone(), torch.arange(len(theta), device=theta.device)
    logits = theta @ problems.Z.mT
    probabilities = problems.probabilities(logits)
    gradient = problems.gradient(theta, probabilities)
    start = _norm(gradient)
    for step in range(MAX_NEWTON_STEPS):
        excess = _excess(problems, theta, gradient, probabilities, start)
        if report:
            report(step, float(excess.max()))
        left = excess > 1
        if not left.all():
            result[active] = theta
            problems, active = problems.keep(left), active[left]
            theta, logits, probabilities, gradient, start = (
                x[left] for x in (theta, logits, probabilities, gradient, start)
            )
        if not len(active):
            return result, 0
        change = _conjugate_gradients(problems, theta, gradient, probabilities, start)
        theta, logits = _line_search(problems, theta, logits, gradient, change)
        probabilities = problems.probabilities(logits)
        gradient = problems.gradient(theta, probabilities)
    result[active] = theta
    return result, int((_excess(problems, theta, gradient, probabilities, start) > 1).sum())


def _excess(
    problems: Problems, theta: Tensor, gradient: Tensor, probabilities: Tensor, start: Tensor
) -> Tensor:
    """Return the ratio of each gradient to the one at which its problem counts as solved: [B].

    The penalty makes the objective 1-strongly convex in W, so the gradient's norm bounds the error
    of W. The intercept has no penalty: its gradient is compared with its own curvature.
    """
    # Rounding leaves a gradient of about this size even at the exact solution.
    floor = (1e-11 * start).clamp(min=torch.finfo(start.dtype).tiny)
    curvature = problems.weight * _curvature(problems, probabilities).sum(2, keepdim=True)
    near = _norm(gradient[..., :-1]) / torch.maximum(TOLERANCE * _norm(theta[..., :-1]), floor)
    level = _norm(gradient[..., -1:]) / torch.maximum(TOLERANCE * curvature, floor)
    return torch.maximum(near, level).flatten()


def _curvature(problems: Problems, probabilities: Tensor) -> Tensor:
    """Return the mean non-trivial eigenvalue of diag(p) - p p^T for each row: [B, 1, n]."""
    free = (problems.floor == 0).sum(1, keepdim=True) - 1
    return (probabilities * (1 - probabilities)).sum(1, keepdim=True) / free.clamp(min=1)


def _conjugate_gradients(
    problems: Problems, theta: Tensor, gradient: Tensor, probabilities: Tensor, start: Tensor
) -> Tensor:
    """Return the Newton step [B, K, r], the more exact the nearer the solution is.

    It is computed in float32. An inexact step costs no accuracy, because the gradient that decides
    when to stop is float64.
    """
    Z, P, weight = problems.Z32, probabilities.float(), problems.weight.float()
    Zt, curvature = Z.mT, _curvature(problems, probabilities).float()
    # One scale for all classes keeps steps orthogonal to a shift common to the classes.
    diagonal = weight * (curvature @ problems.squares)
    diagonal[..., :-1] += 1
    inverse = 1 / diagonal.clamp(min=torch.finfo(torch.float32).tiny)
    scale = _norm(gradient)
    residual = -(gradient / scale).float()
    step = torch.zeros_like(residual)
    direction = preconditioned = inverse * residual
    power = (residual * preconditioned).sum((1, 2), keepdim=True)
    goal = power * (scale / start).clamp(max=FORCING**2).float()
    for _ in range(MAX_CG_STEPS):
        weighted = P * (direction @ Zt)
        curved = weighted - P * weighted.sum(1, keepdim=True)
        image = weight * (curved @ Z)
        image[..., :-1] += direction[..., :-1]
        bend = (direction * image).sum((1, 2), keepdim=True)
        rate = torch.where((power > goal) & (bend > 0), power / bend, 0)
        step += rate * direction
        residual -= rate * image
        preconditioned = inverse * residual
        new_power = (residual * preconditioned).sum((1, 2), keepdim=True)
        if not ((new_power > goal) & (rate > 0)).any():
            break
        direction = preconditioned + new_power / power * direction
        power = new_power
    return step.double() * scale


def _line_search(
    problems: Problems, theta: Tensor, logits: Tensor, gradient: Tensor, step: Tensor
) -> tuple[Tensor, Tensor]:
    """Halve each problem's step until it lowers the objective enough (Armijo's rule)."""
    slope = (gradient * step).sum((1, 2), keepdim=True)
    logits_step = step @ problems.Z.mT
    value = problems.objective(theta, logits)
    slack = 1e-13 * value.abs()
    length = torch.ones_like(value)
    for _ in range(30):
        new = theta + length * step, logits + length * logits_step
        short = problems.objective(*new) <= value + 1e-4 * length * slope + slack
        if short.all():
            break
        length = torch.where(short, length, length / 2)
    return new
