"""Lists for CVAT: the files of a task in the order of the ranks, and the labels it can give.

CVAT keeps the order of a list where its sorting method is ``predefined``.
"""

import json
import shlex
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from coldstart.ranking.label_studio import PLACEHOLDERS


def files(picks: pd.DataFrame) -> str:
    """The paths of the picks from the folder on, one a line, in the order of their ranks."""
    return "".join(f"{path}\n" for path in picks["path"])


def labels(classes: Sequence[str]) -> str:
    """JSON of a label for each class, each of which marks a whole image.

    Args:
        classes: their names; two placeholders are written if none is known.
    """
    named = [{"name": name, "type": "tag", "attributes": []} for name in classes or PLACEHOLDERS]
    return json.dumps(named, ensure_ascii=False, indent=2) + "\n"


def steps(listed: Path, interface: Path, picks: int) -> list[str]:
    """Say how a task is made of the lists.

    Args:
        listed: the list of files.
        interface: the list of labels.
        picks: how many files there are; more on one command line than fit are an error.
    """
    lists = f"-a {shlex.quote(str(listed))}", f"--labels {shlex.quote(str(interface))}"
    return [
        "To label them with CVAT, mount the folder as the share of its server, and create a task:",
        f"  xargs -d '\\n' -x -n {picks} {lists[0]} cvat-cli task create ranking {lists[1]} "
        "--sorting-method predefined share",
    ]
