"""Runs with queries, and the recipes that these need."""

import re

import pytest

from coldstart.common.errors import ColdstartError

STUDY = "studies/zero-shot.yaml"
RUN = ("runs", "baselines")
MISTAKES = {
    "votes of one model": (
        ("queried", ["votes-of-one"]),
        ["runs.baselines.queried", "`votes-of-one` compares votes, and prediction `plain`"],
    ),
    "passes of a learner without dropout": (
        ("queried", ["bald"]),
        ["runs.baselines.queried", "`bald`: prediction `mc-dropout` keeps dropout active"],
    ),
    "a sampler whose votes nothing has cast yet": (
        ("samplers", ["bald"]),
        ["runs.baselines.samplers", "`bald` reads votes, which need labels"],
    ),
    "a prediction that is misspelt": (
        ("prediction", "plane"),
        ["runs.baselines.prediction", "no `plane`", "did you mean `plain`"],
    ),
    "a query that is a sampler too": (
        ("queried", ["random"]),
        ["runs.baselines.queried", "`random` is among the samplers too"],
    ),
    "a query that reads what a classifier does not give": (
        ("queried", ["loss-mean"]),
        ["runs.baselines.queried", "`loss-mean` reads scores, which learner"],
    ),
    "a sampler that reads what nothing has learnt yet": (
        ("samplers", ["min-margin"]),
        ["runs.baselines.samplers", "`min-margin` reads predictions", "under `queried`"],
    ),
    "an initial pool that reads it": (
        ("initial", "max-entropy"),
        ["runs.baselines.initial", "`max-entropy` reads predictions"],
    ),
    "a discriminator that nothing has trained yet": (
        ("samplers", ["vaal"]),
        ["runs.baselines.samplers", "`vaal` reads scores, which need labels"],
    ),
    "scores of a learner that gives none": (
        ("queried", ["scores-of-none"]),
        ["runs.baselines.queried", "`scores-of-none` reads scores, which learner"],
    ),
    "scores of a learner on embeddings": (
        ("queried", ["scores-of-embeddings"]),
        ["runs.baselines.queried", "reads scores, which learner `logistic-regression` does not"],
    ),
    "a run that is evaluated by what predicts no class": (
        ("learner", "vaal"),
        ["runs.baselines.learner", "learner `vaal` predicts no class"],
    ),
    "a query that is misspelt": (
        ("queried", ["coreset"]),
        ["runs.baselines.queried", "no `coreset`", "did you mean `core-set`"],
    ),
    "an initial pool that nothing makes": (
        ("initial", "randm"),
        ["runs.baselines.initial", "no `randm`", "did you mean `random`"],
    ),
    "an initial pool by scores that the encoder lacks": (
        ("initial", "loss-mean"),
        ["`loss-mean` reads a model's scores", "method `pca`"],
    ),
    "outliers that return to a sampler which picks once": (
        ("outliers", "returned"),
        ["runs.baselines.outliers", "picks for all budgets at once: name it in `queried`"],
    ),
    "budgets that are cut": (("excess", "cut"), ["runs.baselines.learner", "`excess`"]),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_run_whose_queries_cannot_work_is_refused(tree, name):
    (key, value), words = MISTAKES[name]
    votes = {"sampler": "disagreement", "measure": "bald"}
    tree.change("recipes/samplers.yaml", "votes-of-one", to=votes)
    scores = {"sampler": "learner-score", "order": "lowest"}
    tree.change("recipes/samplers.yaml", "scores-of-none", to=scores)
    scores = scores | {"learner": "logistic-regression"}
    tree.change("recipes/samplers.yaml", "scores-of-embeddings", to=scores)
    tree.change(STUDY, *RUN, key, to=value)
    with pytest.raises(ColdstartError) as error:
        tree.load(studies="zero-shot")
    message = str(error.value)
    assert all(word in message for word in ["workflow/studies/zero-shot.yaml", *words]), message


def test_initial_sampler_is_ignored_without_queries(tree):
    tree.change(STUDY, *RUN, "initial", to="loss-mean")
    tree.change(STUDY, *RUN, "queried", to=[])
    tree.change(STUDY, "tables", to={})  # some of these are of a query
    tree.change(STUDY, "scales", to={})
    tree.load(studies="zero-shot")


def test_more_passes_than_a_score_has_are_refused(tree):
    tree.change("recipes/samplers.yaml", "loss-mean-1", "passes", to=6)
    with pytest.raises(ColdstartError) as error:
        tree.load()
    words = ["samplers.loss-mean-1.passes", "6 are more than the 5 of score `loss`"]
    assert all(word in str(error.value) for word in words), str(error.value)


def test_scores_of_named_views_need_a_method_with_two_views(tree):
    study = "studies/ssl-digits.yaml"
    run = {"samplers": ["simclr-views-mean"], "budgets": [10]}
    for name, method in (("vae", "vae"), ("rotation", "rotation")):
        for key, value in run.items():
            tree.change(study, "runs", name, key, to=value)
        with pytest.raises(ColdstartError, match=f"method `{method}` sees one view alone"):
            tree.load()
        for key in run:
            tree.change(study, "runs", name, key, to=[])
    for key, value in run.items():
        tree.change(study, "runs", "simclr", key, to=value)
    tree.load()


GIVEN = {
    "pool": "biased-digits",
    "encoder": "pca-512",
    "budgets": [10],
    "labelled": "digits",
    "learner": "logistic-regression",
}


@pytest.mark.parametrize(
    ("sampler", "said"),
    [
        ("bald", "`bald`: prediction `mc-dropout` keeps dropout active"),
        ("ensemble-variation-ratio", "nothing in learner `logistic-regression` draws"),
        ("vaal-digits", "`vaal-digits` names a learner of its own, which is trained in cycles"),
        ("no-such", "no `no-such` in samplers.yaml"),
    ],
)
def test_sampler_that_a_classifier_of_given_labels_cannot_answer_is_refused(tree, sampler, said):
    tree.change("studies/ssl-digits.yaml", "runs", "given", to=GIVEN | {"samplers": [sampler]})
    with pytest.raises(ColdstartError, match=re.escape(said)):
        tree.load(studies="ssl-digits")


def test_sampler_may_ask_a_classifier_of_given_labels(tree):
    run = GIVEN | {"samplers": ["min-margin", "k-centre"]}
    tree.change("studies/ssl-digits.yaml", "runs", "given", to=run)
    tree.load(studies="ssl-digits")
    tree.change(
        "studies/ssl-digits.yaml", "runs", "given", to=run | {"learner": "classifier-digits"}
    )
    with pytest.raises(ColdstartError, match="which `excess` and `labelled` would change"):
        tree.load(studies="ssl-digits")
