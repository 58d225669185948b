"""One of the processes that ``coldstart.ssl.launch`` starts: reads what it asks for, and trains."""

import argparse
import logging
import os
import threading
from pathlib import Path

import torch

from coldstart.common.errors import ColdstartError
from coldstart.ssl.encoders import train
from coldstart.ssl.launch import MISTAKE
from coldstart.ssl.request import Request
from coldstart.training.device import make_deterministic
from coldstart.training.distributed import joined


def work(folder: Path, device: torch.device) -> None:
    """Train as the request in a folder says, together with the others."""
    request = Request.read(folder)
    with joined(device) as own:
        train(request, own)


def _end_with_parent() -> None:
    os.read(0, 1)  # it ends when that process does; the raw descriptor, which no exit waits for
    os._exit(1)


def main() -> None:
    """Run one process; a user's mistake goes into a file, for the one that waits."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    first = os.environ["RANK"] == "0"
    logging.basicConfig(format="%(message)s")
    logging.getLogger("coldstart").setLevel(logging.INFO if first else logging.WARNING)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("device", type=torch.device)
    parser.add_argument("--deterministic", action="store_true")
    asked = parser.parse_args()
    if asked.deterministic:
        make_deterministic()
    try:
        work(asked.folder, asked.device)
    except ColdstartError as error:
        (asked.folder / MISTAKE).write_text(str(error), encoding="utf-8")
        os._exit(1)  # at once: the others may wait for this one


if __name__ == "__main__":
    main()
