"""A request for a training, and its way into the processes that train together."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from coldstart.config.recipes.encoders import ENCODERS, Trained
from coldstart.ssl.start import Start
from coldstart.training.images import Images
from coldstart.training.model import Inputs
from coldstart.training.resume import Keeper

ARRAY, ROWS, REST = "images.npy", "rows.npy", "request.json"


@dataclass(frozen=True, eq=False)
class Request:
    """A training, whichever processes and devices do it.

    Attributes:
        images: to train on.
        recipe: which method, and all its numbers.
        inputs: what is known of the images.
        seed: of everything random.
        keeper: keeps the state of the training while it is unfinished.
        out: folder to write to.
        on_gpu: the share of a GPU's memory that the images may take; more are streamed.
        start: the encoder that the training starts from.
    """

    images: Images
    recipe: Trained
    inputs: Inputs
    seed: int
    keeper: Keeper | None
    out: Path
    on_gpu: float
    start: Start | None

    def write(self, folder: Path) -> None:
        """Write what ``read`` reads; images that are in a file stay where they are."""
        file = getattr(self.images.array, "filename", None)  # of a memory map
        if file is None:
            file = folder / ARRAY
            np.save(file, self.images.array)
        np.save(folder / ROWS, self.images.rows)
        inputs, keeper = self.inputs, self.keeper
        rest = {
            "images": str(file),
            "recipe": self.recipe.model_dump(),
            "shape": [inputs.height, inputs.width, inputs.channels],
            "statistics": [inputs.mean.tolist(), inputs.std.tolist()],
            "seed": self.seed,
            "keeper": [str(keeper.folder.absolute()), keeper.training] if keeper else None,
            "out": str(self.out.absolute()),
            "on_gpu": self.on_gpu,
            "start": self.start.described() if self.start else None,
        }
        (folder / REST).write_text(json.dumps(rest), encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> "Request":
        """Read what ``write`` wrote."""
        rest: dict[str, Any] = json.loads((folder / REST).read_text(encoding="utf-8"))
        recipe = ENCODERS.adapter().validate_python(rest["recipe"])
        assert isinstance(recipe, Trained)
        mean, std = (torch.tensor(values, dtype=torch.float64) for values in rest["statistics"])
        height, width, channels = rest["shape"]
        keeper, start = rest["keeper"], rest["start"]
        return cls(
            images=Images.open(Path(rest["images"]), np.load(folder / ROWS)),
            recipe=recipe,
            inputs=Inputs(height, width, channels, mean, std),
            seed=rest["seed"],
            keeper=Keeper(Path(keeper[0]), keeper[1]) if keeper else None,
            out=Path(rest["out"]),
            on_gpu=rest["on_gpu"],
            start=Start.of(*start) if start else None,
        )
