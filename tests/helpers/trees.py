"""Copies of the recipes and studies that a test can change."""

import shutil
from pathlib import Path

import yaml

from coldstart.config.load import load
from coldstart.config.loading.yaml import read_yaml

ROOT = Path(__file__).parents[2]


WORKFLOW = ROOT / "workflow"


def without_studies(root):
    """A workflow with the project's recipes and no study, which loads twice as fast."""
    if not root.exists():
        root.mkdir()
        (root / "recipes").symlink_to(WORKFLOW / "recipes")
    return root


class Tree:
    """A copy of the project's recipes that a test can spoil, and of the studies that it names."""

    def __init__(self, root):
        self.root = root / "workflow"
        shutil.copytree(WORKFLOW / "recipes", self.root / "recipes")
        self.add("studies/quickstart.yaml")
        self.config = root / "config.yaml"
        shutil.copy(ROOT / "config.yaml", self.config)

    def add(self, file):
        """Return a file of the copy, which is made now if it is not there."""
        copy = self.root / file
        if not copy.exists():
            copy.parent.mkdir(exist_ok=True)
            shutil.copy(WORKFLOW / file, copy)
        return copy

    def change(self, file, *path, to):
        """Set one value in a file; ``path`` is the keys that lead to it."""
        file = self.add(file)
        content = read_yaml(file)
        place = content
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = to
        file.write_text(yaml.dump(content, Dumper=yaml.CSafeDumper, sort_keys=False))

    def load(self, **settings):
        given = {**yaml.safe_load(self.config.read_text()), **settings}
        return load(given, [self.config], self.root)
