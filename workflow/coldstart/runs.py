"""What the runs of studies make: picks, and how good a learner gets with them."""

from coldstart.artefacts import Artefacts
from coldstart.config.studies import Run
from coldstart.errors import ColdstartError
from coldstart.planned import Planned, once


class Runs(Artefacts):
    """The artefacts of every run of every study."""

    def run(self, study: str, run: str) -> Run:
        """A run of a study."""
        runs: dict[str, Run] = self.recipes.get("studies", study).runs
        if run not in runs:
            raise ColdstartError(f"study `{study}` has no run `{run}`")
        return runs[run]

    @once
    def selection(self, study: str, run: str, seed: int, sampler: str) -> Planned:
        """One sampler's picks for every budget and sampler seed of a run."""
        setup = self.run(study, run)
        recipe = self.recipes.get("samplers", sampler)
        inputs = {"index": self.index(setup.pool)}
        self._check_budgets(study, run)
        if setup.labelled is not None:
            inputs["labelled"] = self._labelled(study, run, setup.labelled)
        where = (setup.pool, setup.encoder, seed)
        if "embeddings" in recipe.reads:
            inputs["embeddings"] = self.embeddings(*where, setup.embedding)
        if "scores" in recipe.reads:
            inputs["scores"] = self.scores(*where, recipe.score)
        return self._plan(
            f"results/selection/{study}/{run}/seed{seed}/{sampler}.json",
            "select",
            {
                "sampler": recipe.model_dump(),
                "budgets": setup.budgets,
                "excess": setup.excess,
                "seeds": setup.sampler_seeds if recipe.stochastic else 1,
                "encoder_seed": seed,
            },
            inputs,
            "coldstart.selection.stage",
            type(recipe).__module__,
        )

    @once
    def evaluation(self, study: str, run: str, seed: int) -> Planned:
        """The metrics of every sampler, budget and sampler seed of a run."""
        setup = self.run(study, run)
        if not self.judged(setup.pool):
            raise ColdstartError(
                f"study `{study}`, run `{run}`: metrics need test images and labels of two classes "
                f"or more; pool `{setup.pool}` lacks them."
            )
        inputs = {
            "index": self.index(setup.pool),
            "labels": self.labels(setup.pool),
            "embeddings": self.embeddings(setup.pool, setup.encoder, seed, setup.embedding),
        }
        for sampler in setup.samplers:
            inputs[f"selection.{sampler}"] = self.selection(study, run, seed, sampler)
        recipe = self.recipes.get("learners", setup.learner)
        return self._plan(
            f"results/evaluation/{study}/{run}/seed{seed}.json",
            "evaluate",
            recipe.model_dump(),
            inputs,
            "coldstart.evaluation.stage",
        )

    # Inside.

    def _check_budgets(self, study: str, run: str) -> None:
        """A user's own files are counted only now; of published sets this was checked before."""
        setup = self.run(study, run)
        candidates = self.facts(setup.pool).sizes["candidates"]
        if max(setup.budgets) > candidates and setup.excess == "refuse":
            raise ColdstartError(
                f"studies.{study}.runs.{run}.budgets: {max(setup.budgets)} labels are more than "
                f"the {candidates} candidates of pool `{setup.pool}`"
            )

    def _labelled(self, study: str, run: str, dataset: str) -> Planned:
        """Which of a run's images have a label already."""
        pool = self.run(study, run).pool
        if self.ingested("images", dataset).key != self.images(pool).key:
            raise ColdstartError(
                f"studies.{study}.runs.{run}.labelled: `{dataset}` has other images than pool "
                f"`{pool}`"
            )
        return self.ingested("labels", dataset)
