"""Small folders of images, and functions that read them."""

import json
from pathlib import Path

import numpy as np
from PIL import Image

from coldstart.config.recipes.datasets.folder import Folder
from coldstart.data.sources import folder
from coldstart.data.sources.scan import scan_folder
from coldstart.running.places import export_places
from coldstart.running.settings import Settings

UNUSED = Path("unused")
PATHS = ["cat/a b.jpg", "cat/b.png", "cat/deep/er/ü.webp", "dog-2/x.tiff", "dog/a.PNG", "dog/a.bmp"]
LEVELS = [20, 0, 30, 40, 10, 50]


def recipe_of(path, **changes):
    given = {"source": "folder", "path": str(path), "size": [8, 8], "labels": "none"}
    return Folder.model_validate({**given, "on_broken": "skip", **changes})


def paint(path, level):
    """An image that is this grey all over."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", (12, 10), level).save(path)


def opened(recipe, images=True):
    scan = scan_folder(recipe, UNUSED, None)
    export_places(scan.places)
    # As the recipe comes to a job.
    told = json.loads(json.dumps(scan.images_recipe() if images else scan.labels_recipe()))
    return folder.read(told, Settings())


def pixels(source):
    return np.concatenate(list(source.parts[0].chunks()))
