"""Gaussian noise that depends on the step of a training alone, as a resumed one must draw it."""

import math

import numpy as np
import torch
from torch import Tensor

from coldstart.training.distributed import rank, world


class Noise:
    """Draws of a model, whose seed is drawn with its weights.

    Attributes:
        seed: of all draws.
        drawn: number of draws since the last step.
    """

    def __init__(self) -> None:
        self.seed = int(torch.randint(2**62, ()))
        self.drawn = 0

    def like(self, codes: Tensor, done: float) -> Tensor:
        """Draw noise of the shape of codes; for all processes, of whose rows these are a part.

        Args:
            codes: [N, D].
            done: share of the training that lies behind.
        """
        key = (self.seed, int(math.ldexp(done, 53)), self.drawn)
        self.drawn += 1
        seed = int(np.random.SeedSequence(key).generate_state(1, np.uint64)[0])
        generator = torch.Generator(codes.device).manual_seed(seed)
        shape = (world(), *codes.shape)
        return torch.randn(shape, generator=generator, device=codes.device)[rank()]

    def start_step(self) -> None:
        """Start the draws of the next step."""
        self.drawn = 0
