"""The store: artefacts under keys of their description, published once, verified when read."""

from coldstart.store.artefact import Artefact
from coldstart.store.healing import Healing, heal, heal_pointers
from coldstart.store.identity import FORMAT, Identity, Reference, canonical_json, digest
from coldstart.store.layered import LayeredStore
from coldstart.store.manifest import Fault
from coldstart.store.objects import Store
from coldstart.store.provenance import provenance

__all__ = [
    "FORMAT",
    "Artefact",
    "Fault",
    "Healing",
    "Identity",
    "LayeredStore",
    "Reference",
    "Store",
    "canonical_json",
    "digest",
    "heal",
    "heal_pointers",
    "provenance",
]
