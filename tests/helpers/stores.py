"""Identities and artefacts of stores."""

from coldstart.store import Identity


def make_identity(seed=0, code="c" * 64):
    images = Identity("images", {"dataset": "digits"}, {}, "d" * 64)
    return Identity("embed", {"seed": seed, "lr": 0.1}, {"images": images}, code)


class Family:
    """Artefacts made from each other, published in one store: data, encoders and metrics."""

    def __init__(self, store):
        self.store = store
        self.images = self.make("images", {"source": "digits"})
        byol = {"encoder": {"method": "byol", "epochs": 7}, "seed": 3}
        self.encoder = self.make("pretrain", byol, images=self.images)
        both = {"checkpoint": self.encoder, "images": self.images}
        self.metrics = self.make("evaluate", {"learner": "ridge"}, **both)

    def make(self, stage, recipe, size=2000, **inputs):
        identity = Identity(stage, recipe, inputs, "c" * 64)
        with self.store.publishing(identity, {"by": "ada", "gpu": "a GPU"}) as folder:
            (folder / "table.bin").write_bytes(identity.key.encode() * (size // 64))
            (folder / "notes.json").write_text("{}")
        return identity

    @property
    def keys(self):
        return sorted([self.images.key, self.encoder.key, self.metrics.key])

    def folder(self, identity):
        return self.store.root / "objects" / identity.key[:2] / identity.key
