"""Patterns in studies, such as ``mnist-*``, which stand for all runs whose names match."""

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any

from coldstart.common.errors import nearest
from coldstart.config.loading.problems import Problems


def spell_out_scale(
    changed: Mapping[str, Any], runs: Iterable[str], file: str, path: str, problems: Problems
) -> dict[str, Any]:
    """Return what a scale changes of a study, with each pattern of runs spelt out.

    Where several keys match a run, mappings merge, and the later one wins.

    Args:
        changed: the scale's part of the file.
        runs: names of the study's runs.
        file: shown in messages.
        path: of the scale's part.
        problems: takes the patterns that match no run.
    """
    if not isinstance(changed.get("runs"), dict):
        return dict(changed)
    spelt: dict[str, Any] = {}
    for name, part in changed["runs"].items():
        for run in _matching(name, runs, file, f"{path}.runs", problems):
            both = isinstance(part, dict) and isinstance(spelt.get(run), dict)
            spelt[run] = spelt[run] | part if both else part
    return {**changed, "runs": spelt}


def spell_out_targets(study: Mapping[str, Any], file: str, problems: Problems) -> dict[str, Any]:
    """Return a study with the patterns in the ``runs`` of its figures and tables spelt out.

    Args:
        study: at one scale.
        file: shown in messages.
        problems: takes the patterns that match no run.
    """
    spelt = dict(study)
    runs = study.get("runs")
    for folder in ("figures", "tables"):
        targets = study.get(folder)
        if isinstance(targets, dict) and isinstance(runs, dict):
            spelt[folder] = {
                name: _spelt(target, runs, file, f"{folder}.{name}.runs", problems)
                for name, target in targets.items()
            }
    return spelt


def _spelt(target: Any, runs: Iterable[str], file: str, path: str, problems: Problems) -> Any:
    if not isinstance(target, dict) or not isinstance(target.get("runs"), list):
        return target
    listed = [run for name in target["runs"] for run in _matching(name, runs, file, path, problems)]
    return {**target, "runs": list(dict.fromkeys(listed))}


def _matching(
    name: Any, runs: Iterable[str], file: str, path: str, problems: Problems
) -> list[Any]:
    """The runs that a name stands for: itself, unless it is a pattern."""
    if not isinstance(name, str) or "*" not in name:
        return [name]
    found = [run for run in runs if fnmatchcase(run, name)]
    if not found:
        problems.add(file, path, f"no run matches `{name}`{nearest(name.strip('*'), runs)}")
    return found
