"""Tasks for Label Studio, which shows images from a folder on its own machine.

It serves files below the folder that LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT names, only those
in a folder below that one which the project has as a local storage. The images' folder therefore
is the storage, and the folder above it the root.
"""

import json
import math
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote
from xml.sax.saxutils import quoteattr

import pandas as pd

from coldstart.data.sources.formats import SHOWN_BY_BROWSERS, format_of
from coldstart.data.sources.labels import SERVED

PLACEHOLDERS = ("first class", "second class")


def tasks(ranked: pd.DataFrame, images: Path) -> str:
    """JSON of a task for each image without a label, one a line, in the order of the ranks.

    Args:
        ranked: ``path``, ``rank``, ``score`` and ``cluster``.
        images: the folder that the paths start from.
    """
    lines = [
        json.dumps({"data": _data(row, images.name)}, ensure_ascii=False, allow_nan=False)
        for row in ranked.dropna(subset="rank").to_dict("records")
    ]
    return "[\n" + ",\n".join(lines) + "\n]\n"


def not_shown(ranked: pd.DataFrame) -> Counter[str]:
    """Count the tasks whose images browsers do not show, by the format."""
    tasks = ranked.dropna(subset="rank")
    found = (format_of(path) or "others" for path in tasks["path"])
    return Counter(name for name in found if name not in SHOWN_BY_BROWSERS)


def _data(row: Mapping[Hashable, Any], folder: str) -> dict[str, Any]:
    score = float(row["score"])
    return {
        "image": SERVED + quote(f"{folder}/{row['path']}"),
        "path": row["path"],
        "rank": int(row["rank"]),
        # JSON has no infinity, which is the score of the first pick of some samplers.
        "score": score if math.isfinite(score) else None,
        "cluster": int(row["cluster"]),
    }


def interface(classes: Sequence[str]) -> str:
    """The labelling interface of a project: one choice for each class.

    Args:
        classes: their names; two placeholders are written if none is known.
    """
    choices = [f"    <Choice value={quoteattr(name)}/>" for name in classes or PLACEHOLDERS]
    comment = [] if classes else ["    <!-- The setting `classes` names yours: [cat, dog] -->"]
    return "\n".join(
        [
            "<View>",
            '  <Image name="image" value="$image" zoom="true"/>',
            '  <Choices name="label" toName="image" choice="single">',
            *comment,
            *choices,
            "  </Choices>",
            "</View>",
            "",
        ]
    )
