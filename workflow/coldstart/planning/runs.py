"""The artefacts of the runs of studies: picks, learners and their metrics."""

from typing import Any

from coldstart.config.recipes.learners import Classifier
from coldstart.config.recipes.studies import Run
from coldstart.errors import ColdstartError, nearest
from coldstart.planning.artefacts import Artefacts
from coldstart.planning.planned import Planned, once


class Runs(Artefacts):
    """The artefacts of every run of every study."""

    def run(self, study: str, run: str) -> Run:
        """A run of a study."""
        runs: dict[str, Run] = self.recipes.get("studies", study).runs
        if run not in runs:
            raise ColdstartError(f"study `{study}` has no run `{run}`{nearest(run, runs)}")
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
        if "clusters" in recipe.reads:
            inputs["clusters"] = self.clusters(*where, f"sampler `{sampler}`")
        return self._plan(
            f"results/selection/{study}/{run}/seed{seed}/{sampler}.json",
            "select",
            {
                "sampler": recipe.model_dump(),
                # Of what only starts the queries, no more is asked.
                "budgets": setup.budgets if sampler in setup.samplers else setup.budgets[:1],
                "excess": setup.excess,
                "seeds": setup.sampler_seeds if recipe.stochastic else 1,
                "encoder_seed": seed,
            },
            inputs,
            "coldstart.selection.select",
            model=recipe,
        )

    @once
    def learner(
        self, study: str, run: str, seed: int, sampler: str, trial: int, budget: int
    ) -> Planned:
        """A classifier trained on the labels that a sampler's budget has bought."""
        setup = self.run(study, run)
        first = budget == setup.budgets[0]
        if sampler in setup.queries and first and sampler != setup.initial:  # all share the first
            return self.learner(study, run, seed, setup.initial, trial, budget)
        labels, draw = self._labels(study, run, seed, sampler, trial, budget)
        return self._plan(
            f"{self._cycle(study, run, seed, sampler, trial, budget)}/learner.json",
            "learn",
            {
                "learner": self.recipes.get("learners", setup.learner).model_dump(),
                "classes": self.facts(setup.pool).classes,
                "encoder_seed": seed,
                "trial": trial,
                "labels": budget,
                "draw": draw,
            },
            self._images_of(setup.pool) | {"labels": self.labels(setup.pool), "selection": labels},
            "coldstart.learners.learn",
            model=self.recipes.get("learners", setup.learner),
        )

    @once
    def query(
        self, study: str, run: str, seed: int, sampler: str, trial: int, budget: int
    ) -> Planned:
        """Plan the picks of a sampler that queries the classifier of the budget before."""
        setup = self.run(study, run)
        recipe = self.recipes.get("samplers", sampler)
        before = setup.budgets[setup.budgets.index(budget) - 1]
        labels, draw = self._labels(study, run, seed, sampler, trial, before)
        inputs = {"index": self.index(setup.pool), "selection": labels}
        if recipe.reads:  # else nobody is asked, and nothing is waited for
            inputs["images"] = self.images(setup.pool)
            inputs["learner"] = self.learner(study, run, seed, sampler, trial, before)
        return self._plan(
            f"{self._cycle(study, run, seed, sampler, trial, budget)}/picks.json",
            "query",
            {
                "sampler": recipe.model_dump(),
                "encoder_seed": seed,
                "trial": trial,
                "budget": budget,
                "labels": before,
                "draw": draw,
            },
            inputs,
            "coldstart.selection.query",
            model=recipe,
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
        recipe = self.recipes.get("learners", setup.learner)
        if isinstance(recipe, Classifier):
            described: dict[str, Any] = {"learner": recipe.learner}
            inputs = {
                f"learner.{sampler}.{trial}.{budget}": self.learner(
                    study, run, seed, sampler, trial, budget
                )
                for sampler in (*setup.samplers, *setup.queries)
                for trial in range(setup.sampler_seeds)
                for budget in setup.budgets
            }
        else:
            described = recipe.model_dump()
            inputs = {
                "index": self.index(setup.pool),
                "labels": self.labels(setup.pool),
                "embeddings": self.embeddings(setup.pool, setup.encoder, seed, setup.embedding),
            }
            for sampler in setup.samplers:
                inputs[f"selection.{sampler}"] = self.selection(study, run, seed, sampler)
        return self._plan(
            f"results/evaluation/{study}/{run}/seed{seed}.json",
            "evaluate",
            described,
            inputs,
            "coldstart.evaluation.evaluate",
            # A classifier is not computed with any more: its metrics are gathered.
            model=None if isinstance(recipe, Classifier) else recipe,
        )

    # Inside.

    def _labels(
        self, study: str, run: str, seed: int, sampler: str, trial: int, budget: int
    ) -> tuple[Planned, int]:
        """The selection that says which images have a label, and which draw of it."""
        setup = self.run(study, run)
        if sampler in setup.queries:
            if budget != setup.budgets[0]:
                return self.query(study, run, seed, sampler, trial, budget), 0
            sampler = setup.initial
        draw = trial if self.recipes.get("samplers", sampler).stochastic else 0
        return self.selection(study, run, seed, sampler), draw

    def _cycle(self, study: str, run: str, seed: int, sampler: str, trial: int, budget: int) -> str:
        """The folder of what belongs to one budget."""
        return f"results/cycles/{study}/{run}/seed{seed}/{sampler}/trial{trial}/labels{budget}"

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
        """Plan the table of the images of a run that have a label already."""
        pool = self.run(study, run).pool
        if self.ingested("images", dataset).key != self.images(pool).key:
            raise ColdstartError(
                f"studies.{study}.runs.{run}.labelled: `{dataset}` has other images than pool "
                f"`{pool}`"
            )
        return self.ingested("labels", dataset)
