"""A planned artefact: what it is, and what it is made from."""

import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar, cast

from coldstart.store import Identity

P = ParamSpec("P")


@dataclass(frozen=True)
class Facts:
    """Facts about images that are known before any of them is read.

    Attributes:
        shape: height, width and channels.
        classes: how many there are.
        sizes: images in each split of a pool, or in each part of a data set.
    """

    shape: list[int]
    classes: int
    sizes: Mapping[str, int]


@dataclass(frozen=True)
class Planned:
    """An artefact of the store, made or not.

    Attributes:
        identity: what it is; its key is where the store has it.
        key: the key that is used: the identity's, or that of an artefact which other code made
            from the same recipe, where the settings accept that.
        code: the fingerprint of the code that makes it, or made it.
        pointer: path of the small file that a job writes when it has made it.
        inputs: what it is made from.
        modules: the modules that its fingerprint is of.
        recipes: the classes of its recipe, of whose methods the fingerprint is too.
        output: the declared output of a job that makes several artefacts; empty where the pointer
            is declared itself.
    """

    identity: Identity
    key: str
    code: str
    pointer: str
    inputs: Mapping[str, "Planned"]
    modules: tuple[str, ...] = ()
    recipes: frozenset[type] = frozenset()
    output: str = ""

    @property
    def waits_for(self) -> str:
        """The file by which Snakemake knows that the artefact was made."""
        return self.output or self.pointer

    def params(self) -> dict[str, Any]:
        """Params of the job that makes the artefact. Snakemake reruns it if they change."""
        return {
            "key": self.key,
            "pointer": self.pointer,
            "stage": self.identity.stage,
            "recipe": self.identity.recipe,
            "inputs": {
                name: {"key": planned.key, "recipe_key": planned.identity.recipe_key}
                for name, planned in self.inputs.items()
            },
            "code": self.code,
        }


class _Planner(Protocol):
    planned: dict[tuple[object, ...], Planned]


Owner = TypeVar("Owner", bound=_Planner)


def once(
    method: Callable[Concatenate[Owner, P], Planned],
) -> Callable[Concatenate[Owner, P], Planned]:
    """Plan each artefact once; many jobs ask for the same one."""
    signature = inspect.signature(method)

    @functools.wraps(method)
    def planned(self: Owner, *args: P.args, **kwargs: P.kwargs) -> Planned:
        given = signature.bind(self, *args, **kwargs).args[1:] if kwargs else args
        asked = (method.__qualname__, *given)
        if asked not in self.planned:
            self.planned[asked] = method(self, *args, **kwargs)
        return self.planned[asked]

    return cast(Callable[Concatenate[Owner, P], Planned], planned)
