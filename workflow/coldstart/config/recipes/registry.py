"""Registries: the classes of recipes that a package holds, each found by its name.

Samplers, methods of self-supervision, backbones, transforms, data sources, learners and kinds of
figures are all found in this way. Each kind has a base class, and beside it one registry::

    class Transform(Model, ABC):
        op: str

    TRANSFORMS: Registry[Transform] = Registry(
        Transform, "op", "coldstart.config.recipes.augmentations", "coldstart.training.augment"
    )

A member is a sub-class in a module of that package, which names itself by a ``Literal``::

    class Blur(Transform):
        op: Literal["blur"]

Nothing lists the members, so a new one is a new module and no other edit. The code that computes a
member is the module of its name in the last package, ``coldstart.training.augment.blur`` here, with
``_`` for ``-``. Without that package, it is the module of the class itself, as for samplers.

The registry annotates a field that takes any member, with the base class as its static type:
``list[Annotated[Transform, TRANSFORMS]]``. Pydantic sees the discriminated union of the members.

What a stage imports by a name from a recipe is invisible to a fingerprint, which follows import
statements. ``planning.fingerprint.modules_of`` asks the registries for these modules.
"""

import importlib
import pkgutil
from functools import cached_property, reduce
from operator import or_
from typing import Annotated, Any, Generic, Literal, TypeVar, get_args, get_origin

from pydantic import BaseModel, Field, GetCoreSchemaHandler, TypeAdapter
from pydantic_core import CoreSchema

from coldstart.common.errors import ColdstartError, nearest

Recipe = TypeVar("Recipe", bound=BaseModel)

_registries: list["Registry[Any]"] = []


class Registry(Generic[Recipe]):
    """The members of one kind.

    Args:
        base: class of their recipes.
        field: the field in which a recipe names its member.
        package: the package in whose modules the classes are found, or a single module.
        computed_in: the package whose module of the same name computes a member. By default the
            module of the class does.
    """

    def __init__(
        self, base: type[Any], field: str, package: str, computed_in: str | None = None
    ) -> None:
        self.base, self.field = base, field
        self.package, self.computed_in = package, computed_in
        _registries.append(self)

    @cached_property
    def _named(self) -> dict[str, type[Recipe]]:
        """The class of each name, in the order of the modules' names."""
        package = importlib.import_module(self.package)
        below = pkgutil.iter_modules(getattr(package, "__path__", ()))
        modules = [self.package, *(f"{self.package}.{entry.name}" for entry in below)]
        found: dict[str, type[Recipe]] = {}
        for module in modules:
            for member in vars(importlib.import_module(module)).values():
                if not (isinstance(member, type) and issubclass(member, self.base)):
                    continue
                if member.__module__ != module:
                    continue
                for name in self.names_of(member):
                    if name in found:
                        raise ColdstartError(
                            f"{self.field} `{name}` is the name of two classes: in "
                            f"{found[name].__module__} and in {module}. Rename one."
                        )
                    found[name] = member
        return found

    def names_of(self, member: type[BaseModel]) -> tuple[str, ...]:
        """The names that a class goes by; none if it is only a base of others."""
        annotation = member.model_fields[self.field].annotation
        return get_args(annotation) if get_origin(annotation) is Literal else ()

    def names(self) -> list[str]:
        """The names of all members, in the order of the modules' names."""
        return list(self._named)

    def classes(self) -> tuple[type[Recipe], ...]:
        """The classes of all members, in the order of the modules' names."""
        return tuple(dict.fromkeys(self._named.values()))

    def find(self, name: str) -> type[Recipe]:
        """The class of a name.

        Raises:
            ColdstartError: there is none; the message names the nearest.
        """
        if name not in self._named:
            raise ColdstartError(f"there is no {self.field} `{name}`{nearest(name, self._named)}")
        return self._named[name]

    def union(self, *others: type[BaseModel]) -> Any:
        """The discriminated union of all members and some other classes with the same field."""
        members = (*self.classes(), *others)
        if len(members) == 1:
            return members[0]
        return Annotated[reduce(or_, members), Field(discriminator=self.field)]

    def adapter(self) -> TypeAdapter[Recipe]:
        """Pydantic's adapter, which makes a recipe of what a file or a manifest describes."""
        return self._adapter

    @cached_property
    def _adapter(self) -> TypeAdapter[Recipe]:
        return TypeAdapter(self.union())

    def module(self, recipe: BaseModel) -> str:
        """The qualified name of the module that computes a recipe's member."""
        return self.module_named(getattr(recipe, self.field))

    def module_named(self, name: str) -> str:
        """The qualified name of the module that computes the member of a name."""
        if self.computed_in is None:
            return self.find(name).__module__
        return f"{self.computed_in}.{name.replace('-', '_')}"

    def load(self, recipe: BaseModel) -> Any:
        """Import the module that computes a recipe's member."""
        return importlib.import_module(self.module(recipe))

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """The schema of the union, in the place of that of the annotated base class."""
        return handler.generate_schema(self.union())


def registries_of(recipe: Any) -> list[Registry[Any]]:
    """The registries of which a recipe is a member."""
    return [
        registry
        for registry in _registries
        if isinstance(recipe, registry.base) and registry.names_of(type(recipe))
    ]
