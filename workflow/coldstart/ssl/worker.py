"""One of the processes that ``coldstart.ssl.launch`` starts: reads what it asks for, and trains."""

import json
import logging
import os
import sys
import threading
from pathlib import Path

import numpy as np
import torch
from pydantic import TypeAdapter

from coldstart.config.encoders import Encoder, Trained
from coldstart.errors import ColdstartError
from coldstart.ssl.device import make_deterministic
from coldstart.ssl.distributed import joined
from coldstart.ssl.images import Images
from coldstart.ssl.launch import MISTAKE
from coldstart.ssl.method import Inputs
from coldstart.ssl.pretrain import train
from coldstart.ssl.resume import Keeper
from coldstart.ssl.start import Start


def work(folder: Path) -> None:
    """Train as the request in a folder says, together with the others."""
    request = json.loads((folder / "request.json").read_text(encoding="utf-8"))
    if request["deterministic"]:
        make_deterministic()
    recipe = TypeAdapter(Encoder).validate_python(request["recipe"])
    assert isinstance(recipe, Trained)
    statistics = (torch.tensor(request.pop(name), dtype=torch.float64) for name in ("mean", "std"))
    resume, start = request["resume"], request["start"]
    with joined(torch.device(request["device"])) as device:
        train(
            Images.open(Path(request["images"]), np.load(folder / "rows.npy")),
            recipe,
            Inputs(*request["shape"], *statistics),
            request["seed"],
            device,
            Keeper(Path(resume), request["training"]) if resume else None,
            Path(request["out"]),
            request["on_gpu"],
            Start.of(*start) if start else None,
        )


def _end_with_parent() -> None:
    os.read(0, 1)  # it ends when that process does; the raw descriptor, which no exit waits for
    os._exit(1)


def main() -> None:
    """Run one process; a user's mistake goes into a file, for the one that waits."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    first = os.environ["RANK"] == "0"
    logging.basicConfig(format="%(message)s")
    logging.getLogger("coldstart").setLevel(logging.INFO if first else logging.WARNING)
    folder = Path(sys.argv[1])
    try:
        work(folder)
    except ColdstartError as error:
        (folder / MISTAKE).write_text(str(error), encoding="utf-8")
        os._exit(1)  # at once: the others may wait for this one


if __name__ == "__main__":
    main()
