"""Copies of the recipes and studies that a test can change."""

import shutil
from pathlib import Path

import yaml

from coldstart.config.load import load

ROOT = Path(__file__).parents[2]


class Tree:
    """A copy of the project's recipes and studies that a test can spoil."""

    def __init__(self, root):
        self.root = root / "workflow"
        for folder in ("recipes", "studies"):
            shutil.copytree(ROOT / "workflow" / folder, self.root / folder)
        self.config = root / "config.yaml"
        shutil.copy(ROOT / "config.yaml", self.config)

    def change(self, file, *path, to):
        """Set one value in a file; ``path`` is the keys that lead to it."""
        file = self.root / file
        content = yaml.safe_load(file.read_text())
        place = content
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = to
        file.write_text(yaml.safe_dump(content, sort_keys=False))

    def load(self, **settings):
        given = {**yaml.safe_load(self.config.read_text()), **settings}
        return load(given, [self.config], self.root)
