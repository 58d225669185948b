"""The artefacts of runs: picks, learners trained on them, their predictions and their metrics.

A *cycle* is what happens at one budget: a sampler that is queried picks the next images, models are
trained on all labels bought so far, and predict the test images. One job makes all of a cycle. The
first cycle is that of the initial sampler, and all samplers that are queried share it.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from coldstart.common.errors import ColdstartError, nearest
from coldstart.config.checks.fits import misfit_of_learner
from coldstart.config.recipes.encoders import Trained
from coldstart.config.recipes.learners.base import Learner, Network, asking_module, learning_module
from coldstart.config.recipes.predictions import Prediction
from coldstart.config.recipes.runs import Run
from coldstart.planning.artefact import Planned, once
from coldstart.planning.data import Data
from coldstart.planning.encoders import Encoders
from coldstart.planning.given import Given
from coldstart.planning.maker import Maker
from coldstart.selection.base import FROM_ENCODER, KNOWN, Sampler


class Cycle(NamedTuple):
    """One cycle of one trial: a sampler at one budget."""

    study: str
    run: str
    seed: int
    sampler: str
    trial: int
    budget: int

    @property
    def folder(self) -> str:
        """The folder of its pointers."""
        return (
            f"results/cycles/{self.study}/{self.run}/seed{self.seed}/{self.sampler}"
            f"/trial{self.trial}/budget{self.budget}"
        )

    @property
    def output(self) -> str:
        """The pointer by which Snakemake knows of the job that makes the cycle's artefacts."""
        return f"{self.folder}/model.json"


class Cycles:
    """Selections, learners and metrics of every run of every study."""

    def __init__(self, maker: Maker, data: Data, encoders: Encoders) -> None:
        self.maker, self.data, self.encoders = maker, data, encoders
        self.recipes, self.planned = maker.recipes, maker.planned
        self.given = Given(maker, data, encoders)
        self._cycles: dict[Cycle, list[Planned]] = {}

    def run(self, study: str, run: str) -> Run:
        """A run of a study."""
        runs: dict[str, Run] = self.recipes.get("studies", study).runs
        if run not in runs:
            raise ColdstartError(f"study `{study}` has no run `{run}`{nearest(run, runs)}")
        return runs[run]

    @once
    def selection(self, study: str, run: str, seed: int, sampler: str) -> Planned:
        """One sampler's picks for every budget and trial of a run, before any label is bought."""
        setup = self.run(study, run)
        recipe: Sampler = self.recipes.get("samplers", sampler)
        self._check_budgets(study, run)
        inputs = {"index": self.data.index(setup.pool)}
        if setup.labelled is not None:
            where = f"studies.{study}.runs.{run}.labelled"
            inputs["labelled"] = self.data.labelled(setup.labelled, setup.pool, where)
        for table in sorted(recipe.reads & FROM_ENCODER):
            inputs[table] = self._of_encoder(table, setup, seed, sampler)
        for table in sorted(recipe.reads - FROM_ENCODER):
            inputs[table] = self.given.table(table, study, run, seed)
        return self.maker.plan(
            f"results/selection/{study}/{run}/seed{seed}/{sampler}.json",
            "select",
            {
                "sampler": recipe.model_dump(),
                # A sampler that only starts the cycles picks for the first budget alone.
                "budgets": setup.budgets if sampler in setup.samplers else setup.budgets[:1],
                "excess": setup.excess,
                "trials": setup.trials if recipe.stochastic else 1,
                "encoder_seed": seed,
            },
            inputs,
            "coldstart.selection.select",
            model=recipe,
        )

    def cycle(
        self, study: str, run: str, seed: int, sampler: str, trial: int, budget: int
    ) -> list[Planned]:
        """Everything that the job of one cycle makes, in order; first what is asked and picked."""
        at = Cycle(study, run, seed, sampler, trial, budget)
        if at in self._cycles:
            return self._cycles[at]
        setup, made = self.run(study, run), []
        if self._shared(at) != at:
            raise ColdstartError(
                f"the first cycle of `{sampler}` is that of `{setup.initial}`: ask for "
                f"{self._shared(at).output}"
            )
        if sampler in setup.queried and budget != setup.budgets[0]:
            if self._asks_models(sampler, setup):
                made.append(self.asked(at))
            made.append(self.query(at))
        for learner, members in self._models(sampler, budget, setup).items():
            made += [self.model(at, learner, member) for member in range(members)]
        self._cycles[at] = [*made, self.predictions(at)]
        return self._cycles[at]

    def trained(self, study: str, run: str, seed: int) -> Iterator[Planned]:
        """Every model that the samplers of a run are asked by; one is there for each that asks it.

        All samplers that are queried share the models of their first cycle.
        """
        setup = self.run(study, run)
        for sampler in (*setup.samplers, *setup.queried):
            for trial in range(setup.trials):
                for budget in setup.budgets:
                    at = Cycle(study, run, seed, sampler, trial, budget)
                    for learner, members in self._models(sampler, budget, setup).items():
                        for member in range(members):
                            yield self.model(at, learner, member)

    @once
    def model(self, at: Cycle, learner: str, member: int) -> Planned:
        """A model trained on all labels of a cycle."""
        setup = self.run(at.study, at.run)
        at = self._shared(at)
        recipe: Learner = self.recipes.get("learners", learner)
        fault = misfit_of_learner(recipe, self.data.facts(setup.pool).shape)
        if fault:
            raise ColdstartError(f"learner `{learner}` does not fit pool `{setup.pool}`: {fault}.")
        inputs = self._learnt_from(recipe, setup, at.seed)
        inputs |= {"labels": self.data.labels(setup.pool), "selection": self.bought(at)}
        evaluated = learner == setup.learner and not member
        pointer = at.output if evaluated else f"{at.folder}/models/{learner}-{member}.json"
        return self.maker.plan(
            pointer,
            "learn",
            {
                "learner": recipe.model_dump(),
                "classes": self.data.facts(setup.pool).classes,
                "encoder_seed": at.seed,
                "trial": at.trial,
                "member": member,
                "budget": at.budget,
            },
            inputs | self._start(recipe, at, learner, member),
            "coldstart.learners.learn",
            learning_module(recipe),
            model=recipe,
            output=at.output,
        )

    @once
    def predictions(self, at: Cycle) -> Planned:
        """The predictions of the test images, by which a cycle is evaluated."""
        setup = self.run(at.study, at.run)
        at = self._shared(at)
        return self._predict(
            "predictions", at, at, setup.learner, setup.prediction, {"predictions": ["test"]}
        )

    @once
    def asked(self, at: Cycle) -> Planned:
        """The tables of the candidates that a sampler reads of the cycle before."""
        setup = self.run(at.study, at.run)
        sampler: Sampler = self.recipes.get("samplers", at.sampler)
        learner, recipe = self._learner_of(at.sampler, setup)
        read = sampler.reads & {"embeddings", "predictions", "votes", "scores"}
        if recipe.learns_from == "embeddings":
            read -= FROM_ENCODER
        if "votes" in read:  # of which predictions are the mean
            read -= {"predictions"}
        tables = sorted(read)
        outputs = {name: ["candidates"] for name in tables}
        before = self._before(at, setup)
        return self._predict("asked", at, before, learner, sampler.prediction, outputs)

    @once
    def query(self, at: Cycle) -> Planned:
        """The picks of a sampler that reads tables of the cycle before."""
        setup = self.run(at.study, at.run)
        sampler: Sampler = self.recipes.get("samplers", at.sampler)
        learner, recipe = self._learner_of(at.sampler, setup)
        before = self._before(at, setup)
        inputs = {"index": self.data.index(setup.pool), "selection": self.bought(before)}
        for table in sorted(sampler.reads - {KNOWN}):
            if table in FROM_ENCODER and recipe.learns_from == "embeddings":
                inputs[table] = self._of_encoder(table, setup, at.seed, at.sampler)
            else:
                inputs[table] = self.asked(at)
        returned = setup.outliers == "returned"
        if returned or KNOWN in sampler.reads:
            inputs[KNOWN] = self.model(before, learner, 0)
        return self.maker.plan(
            f"{at.folder}/selection.json",
            "query",
            {
                "sampler": sampler.model_dump(),
                "encoder_seed": at.seed,
                "trial": at.trial,
                "budget": at.budget,
                "before": before.budget,
                **({"outliers": setup.outliers} if returned else {}),
            },
            inputs,
            "coldstart.selection.select",
            model=sampler,
            output=at.output,
        )

    @once
    def evaluation(self, study: str, run: str, seed: int) -> Planned:
        """The metrics of every sampler, budget and trial of a run."""
        setup = self.run(study, run)
        if not self.data.judged(setup.pool):
            raise ColdstartError(
                f"study `{study}`, run `{run}`: metrics need test images and labels of two classes "
                f"or more; pool `{setup.pool}` lacks them."
            )
        recipe: Learner = self.recipes.get("learners", setup.learner)
        inputs = {"labels": self.data.labels(setup.pool)}
        metrics = {name: self.recipes.get("metrics", name) for name in setup.metrics}
        described: dict[str, Any] = {
            "learner": recipe.learner,
            "metrics": {name: one.model_dump() for name, one in metrics.items()},
        }
        modules = ["coldstart.evaluation.evaluate"]
        if recipe.learns_from == "images":
            for sampler in (*setup.samplers, *setup.queried):
                for trial in range(setup.trials):
                    for budget in setup.budgets:
                        at = Cycle(study, run, seed, sampler, trial, budget)
                        inputs[f"predictions.{sampler}.{trial}.{budget}"] = self.predictions(at)
        else:
            described["learner"] = recipe.model_dump()
            modules.append("coldstart.evaluation.linear")
            inputs["index"] = self.data.index(setup.pool)
            inputs["embeddings"] = self._of_encoder("embeddings", setup, seed, "")
        return self.maker.plan(
            f"results/evaluation/{study}/{run}/seed{seed}.json",
            "evaluate",
            described,
            inputs | self._selections(study, run, seed),
            *modules,
            model=metrics,
        )

    def bought(self, at: Cycle) -> Planned:
        """The selection that says which images are labelled at a budget."""
        setup = self.run(at.study, at.run)
        if at.sampler in setup.queried and at.budget != setup.budgets[0]:
            return self.query(at)
        return self.selection(at.study, at.run, at.seed, self._shared(at).sampler)

    # Inside.

    def _selections(self, study: str, run: str, seed: int) -> dict[str, Planned]:
        """The selections of a run: of one sampler all, or those of each cycle."""
        setup = self.run(study, run)
        found = {
            f"selection.{sampler}": self.selection(study, run, seed, sampler)
            for sampler in setup.samplers
        }
        for sampler in setup.queried:
            for trial in range(setup.trials):
                for budget in setup.budgets:
                    at = Cycle(study, run, seed, sampler, trial, budget)
                    found[f"selection.{sampler}.{trial}.{budget}"] = self.bought(at)
        return found

    def _predict(
        self,
        name: str,
        at: Cycle,
        of: Cycle,
        learner: str,
        prediction: str,
        outputs: dict[str, list[str]],
    ) -> Planned:
        """Plan tables that the job of one cycle makes of the models of another, or of its own."""
        setup = self.run(at.study, at.run)
        recipe: Learner = self.recipes.get("learners", learner)
        how: Prediction = self.recipes.get("predictions", prediction)
        inputs = self._learnt_from(recipe, setup, at.seed)
        for member in range(how.members):
            inputs[f"model.{member}"] = self.model(of, learner, member)
        return self.maker.plan(
            f"{at.folder}/{name}.json",
            "predict",
            {
                "prediction": how.model_dump(),
                "outputs": outputs,
                "encoder_seed": at.seed,
                "trial": at.trial,
            },
            inputs,
            "coldstart.learners.predict",
            asking_module(recipe),
            model=recipe,
            output=at.output,
        )

    def _learnt_from(self, recipe: Learner, setup: Run, seed: int) -> dict[str, Planned]:
        """The inputs of a learner's models: a pool's images, or embeddings of them."""
        if recipe.learns_from == "images":
            return self.data.of_pool(setup.pool)
        return {
            "index": self.data.index(setup.pool),
            "embeddings": self._of_encoder("embeddings", setup, seed, ""),
        }

    def _start(self, recipe: Learner, at: Cycle, learner: str, member: int) -> dict[str, Planned]:
        """Models that a training starts from, or asks about images, if there are any."""
        if not isinstance(recipe, Network):
            return {}
        setup, found = self.run(at.study, at.run), {}
        if at.budget != setup.budgets[0]:
            before = self._before(at, setup)
            for name in recipe.before:
                found[name] = self.model(before, learner, member)
        if recipe.start != "encoder":
            return found
        encoder = self.encoders.trained(setup.read_encoder)
        if not isinstance(encoder, Trained) or encoder.backbone != recipe.backbone:
            raise ColdstartError(
                f"studies.{at.study}.runs.{at.run}: learner `{learner}` starts from the weights of "
                f"encoder `{setup.encoder}`, which has another backbone: give both the same one"
            )
        return found | {"start": self.encoders.checkpoint(setup.pool, setup.read_encoder, at.seed)}

    def _of_encoder(self, table: str, setup: Run, seed: int, sampler: str) -> Planned:
        """A table that the run's encoder gives."""
        where = (setup.pool, setup.read_encoder, seed)
        if table == "embeddings":
            return self.encoders.embeddings(*where, setup.embedding)
        if table == "scores":
            return self.encoders.scores(*where, self.recipes.get("samplers", sampler).score)
        return self.encoders.clusters(*where, f"sampler `{sampler}`")

    def _shared(self, at: Cycle) -> Cycle:
        """The cycle whose models count: all that are queried share the initial sampler's first."""
        setup = self.run(at.study, at.run)
        first = at.sampler in setup.queried and at.budget == setup.budgets[0]
        return at._replace(sampler=setup.initial) if first else at

    def _before(self, at: Cycle, setup: Run) -> Cycle:
        """The cycle before."""
        return at._replace(budget=setup.budgets[setup.budgets.index(at.budget) - 1])

    def _learner_of(self, sampler: str, setup: Run) -> tuple[str, Learner]:
        """The learner that a sampler asks: its own, or the run's."""
        name = self.recipes.get("samplers", sampler).learner or setup.learner
        return name, self.recipes.get("learners", name)

    def _asks_models(self, sampler: str, setup: Run) -> bool:
        """Return True if a sampler reads tables of models."""
        recipe: Sampler = self.recipes.get("samplers", sampler)
        learnt = self._learner_of(sampler, setup)[1].learns_from == "embeddings"
        return bool(recipe.reads - {KNOWN} - (FROM_ENCODER if learnt else frozenset()))

    def _models(self, sampler: str, budget: int, setup: Run) -> dict[str, int]:
        """Number of members by learner that a cycle trains: to be evaluated, and to be asked."""
        members = {setup.learner: self.recipes.get("predictions", setup.prediction).members}
        if budget == setup.budgets[-1]:
            return members
        first = budget == setup.budgets[0] and sampler == setup.initial
        for name in setup.queried if first else {sampler} & set(setup.queried):
            recipe: Sampler = self.recipes.get("samplers", name)
            returned = setup.outliers == "returned"
            if self._asks_models(name, setup) or KNOWN in recipe.reads or returned:
                learner = self._learner_of(name, setup)[0]
                asked = self.recipes.get("predictions", recipe.prediction).members
                members[learner] = max(members.get(learner, 0), asked)
        return members

    def _check_budgets(self, study: str, run: str) -> None:
        """A user's own files are counted only now; of published sets this was checked before."""
        setup = self.run(study, run)
        candidates = self.data.facts(setup.pool).sizes["candidates"]
        if max(setup.budgets) > candidates and setup.excess == "refuse":
            raise ColdstartError(
                f"studies.{study}.runs.{run}.budgets: {max(setup.budgets)} labels are more than "
                f"the {candidates} candidates of pool `{setup.pool}`"
            )
