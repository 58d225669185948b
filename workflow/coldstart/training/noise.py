"""Gaussian noise that depends only on seed and step, so that a resumed training draws it again."""

import math

import numpy as np
import torch
from torch import Tensor

from coldstart.training.distributed import rank, world


class Noise:
    """The noise of one model. Its seed is drawn from the generator that the weights come from.

    Attributes:
        seed: the seed of all draws.
        drawn: number of draws in the current step.
    """

    def __init__(self) -> None:
        self.seed = int(torch.randint(2**62, ()))
        self.drawn = 0

    def like(self, codes: Tensor, done: float) -> Tensor:
        """Draw standard normal noise of the shape and on the device of ``codes``.

        Each process draws the noise of all processes and returns its own part, so that no two use
        the same.

        Args:
            codes: the codes of this process, [N, D].
            done: share of the training that is done, from 0 to 1. It stands for the step.
        """
        key = (self.seed, int(math.ldexp(done, 53)), self.drawn)
        self.drawn += 1
        seed = int(np.random.SeedSequence(key).generate_state(1, np.uint64)[0])
        generator = torch.Generator(codes.device).manual_seed(seed)
        shape = (world(), *codes.shape)
        return torch.randn(shape, generator=generator, device=codes.device)[rank()]

    def start_step(self) -> None:
        """Count the draws of the next step from 0."""
        self.drawn = 0
