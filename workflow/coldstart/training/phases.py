"""The optimisers of a training, and the phases of a step that take turns with them.

Most models have one phase and one optimiser. Adversaries have several: a step of VAAL trains the
classifier, then the autoencoder against the discriminator, then the discriminator against it (Sinha
et al. 2019, algorithm 1). All phases belong to one step, after which the state may be saved.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from torch import nn, optim

from coldstart.common.errors import ColdstartError
from coldstart.config.recipes.encoders import Training
from coldstart.config.recipes.optimizers import Optimizer
from coldstart.training.model import Phase, Trainable
from coldstart.training.optim import build_optimizer, learning_rate


class Optimizers:
    """The optimisers of a model, each with parameters that no other one moves.

    Args:
        model: says which part each of them moves.
        recipe: has their numbers.

    Raises:
        ColdstartError: the model and the recipe name different optimisers, or a trained parameter
            is moved by none or by two of them.
    """

    def __init__(self, model: Trainable, recipe: Training) -> None:
        parts, self.recipes = model.moved(), recipe.optimizers()
        if parts.keys() != self.recipes.keys():
            raise ColdstartError(
                f"{recipe.called}: the model is moved by the optimisers {_listed(parts)}, and the "
                f"recipe has {_listed(self.recipes)}: `moved` of the model and `optimizers` of "
                "the recipe must name the same"
            )
        self.parameters = {name: _trained(part) for name, part in parts.items()}
        _check_parted(model, self.parameters, recipe.called)
        self.built: dict[str, optim.Optimizer] = {
            name: build_optimizer(self.parameters[name], numbers)
            for name, numbers in self.recipes.items()
        }

    def start_step(self, step: int, steps_per_epoch: int, epochs: int) -> None:
        """Set the learning rates of a step, counted from nought over all epochs."""
        for name, optimizer in self.built.items():
            for group in optimizer.param_groups:
                group["lr"] = learning_rate(self.recipes[name], step, steps_per_epoch, epochs)

    @contextmanager
    def turn(self, name: str) -> Iterator[optim.Optimizer]:
        """Give the optimiser its turn: parameters of the others have no gradient meanwhile."""
        resting = [p for other in self.built if other != name for p in self.parameters[other]]
        for parameter in resting:
            parameter.requires_grad_(False)
        try:
            yield self.built[name]
        finally:
            for parameter in resting:
                parameter.requires_grad_(True)

    def state_dict(self) -> dict[str, Any]:
        """Return the states of all, by name."""
        return {name: optimizer.state_dict() for name, optimizer in self.built.items()}

    def load_state_dict(self, states: Mapping[str, Any]) -> None:
        """Go on from what ``state_dict`` returned."""
        for name, optimizer in self.built.items():
            optimizer.load_state_dict(states[name])


def checked_phases(
    model: Trainable, optimizers: Mapping[str, Optimizer], streams: Sequence[str], called: str
) -> list[Phase]:
    """Return the phases of a model's step.

    Args:
        model: says which.
        optimizers: of the recipe.
        streams: of the training.
        called: name of the training in messages.

    Raises:
        ColdstartError: two phases have one name, a phase names an optimiser or a stream that there
            is not, or an optimiser has no phase.
    """
    phases = list(model.phases())
    names = [phase.name for phase in phases]
    if len(set(names)) < len(names):
        raise ColdstartError(f"{called}: phases need names of their own, and are {_listed(names)}")
    if optimizers.keys() != {phase.optimizer for phase in phases}:
        raise ColdstartError(
            f"{called}: the phases have their turns with the optimisers "
            f"{_listed(sorted({phase.optimizer for phase in phases}))}, and the recipe has "
            f"{_listed(optimizers)}: each needs a phase"
        )
    for phase in phases:
        if not set(phase.streams) <= set(streams):
            raise ColdstartError(
                f"{called}: phase `{phase.name}` reads the streams {_listed(phase.streams)}, and "
                f"the training has {_listed(streams)}"
            )
    return phases


def draws(phases: Sequence[Phase], stream: str) -> int:
    """Count the batches of a stream that each part of a step takes."""
    reading = [phase for phase in phases if not phase.streams or stream in phase.streams]
    return len([phase for number, phase in enumerate(reading) if phase.fresh or not number])


def _trained(part: nn.Module) -> list[nn.Parameter]:
    return [parameter for parameter in part.parameters() if parameter.requires_grad]


def _check_parted(
    model: Trainable, moved: Mapping[str, Sequence[nn.Parameter]], called: str
) -> None:
    for name, parameter in model.named_parameters():
        by = [one for one, several in moved.items() if any(parameter is p for p in several)]
        if parameter.requires_grad and len(by) != 1:
            raise ColdstartError(
                f"{called}: the parameter {name} must be moved by one optimiser, and is moved by "
                + (_listed(by) if by else "none")
            )


def _listed(names: Any) -> str:
    return ", ".join(f"`{name}`" for name in names)
