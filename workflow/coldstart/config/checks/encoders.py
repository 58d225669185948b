"""Who reads the encoder of a run: a run that nobody reads one of may leave it out."""

from collections.abc import Iterator

from coldstart.config.loading.recipes import Recipes
from coldstart.config.recipes.learners.base import Network
from coldstart.config.recipes.runs import Run
from coldstart.selection.base import FROM_ENCODER

READ_BY_FIGURES = {
    "probes": "the quality of an encoder",
    "histories": "the history of an encoder's training",
    "embeddings": "an encoder's embeddings",
    "clusters": "an encoder's clusters",
}
"""Outputs of an encoder that figures and tables may read, by name in ``Target.reads``."""


def readers(run: Run, recipes: Recipes) -> Iterator[str]:
    """Yield the samplers and learners of a run that read its encoder, in words."""
    if not run.samplers and not run.queried:
        yield "a run without samplers is of its encoder alone"
    for name in [*run.samplers, *([run.initial] if run.queried else [])]:
        if name in recipes.names("samplers"):
            tables = sorted(recipes.get("samplers", name).reads & FROM_ENCODER)
            if tables:
                yield f"sampler `{name}` reads its {', '.join(tables)}"
    asked = {recipes.get("samplers", name).learner for name in run.queried if _sound(name, recipes)}
    for name in sorted({run.learner, *(asked - {None})}):
        learner = recipes.get("learners", name) if name in recipes.names("learners") else None
        if learner is None:
            continue
        if learner.learns_from == "embeddings" and (run.samplers or run.queried):
            yield f"learner `{name}` is trained on its embeddings"
        if isinstance(learner, Network) and learner.start == "encoder":
            yield f"learner `{name}` starts from its weights"


def _sound(sampler: str, recipes: Recipes) -> bool:
    return sampler in recipes.names("samplers")
