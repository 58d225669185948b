"""MoBY beside cross-entropy, by turns: a joint training on forty labels, and as many others."""

import numpy as np
import torch

from coldstart.config.recipes.learners.joint import Joint
from coldstart.learners.networks import build_network
from coldstart.training.images import Images
from coldstart.training.model import LABELLED, UNLABELLED, Inputs
from coldstart.training.streams import Stream
from coldstart.training.trainer import Trainer
from tests.helpers.small_pool import SETTINGS
from tests.helpers.trainings import CPU

INPUTS = Inputs(8, 8, 1, torch.full((1,), 0.3), torch.full((1,), 0.3))
WEAK = {"transforms": [{"op": "shift", "pixels": 1}]}
STRONG = {"transforms": [{"op": "shift", "pixels": 2}, {"op": "flip"}]}
PLAIN = {"transforms": []}
SGD = {"name": "sgd", "lr": 0.05, "momentum": 0.9}
LAYER = {"widths": [8], "activate_last": True}
MOBY = {
    "method": "moby",
    "backbone": SETTINGS["backbone"],
    "views": [STRONG, WEAK],
    "projector": LAYER,
    "predictor": LAYER,
    "temperature": 0.2,
    "queue": 50,
    "target_decay": 0.9,
    "target_schedule": "cosine",
    "optimizer": SGD,
    "epochs": 1,
    "batch_size": 8,
}
TURNS = SETTINGS | {
    "learner": "joint",
    "method": MOBY,
    "views": [WEAK],
    "weight": 0.5,
    "unlabelled": "as-many",
    "on_labelled": True,
    "turns": "alternating",
    "epochs_of": "labelled",
    "optimizer": SGD,
    "epochs": 3,
    "batch_size": 8,
    "precision": "fp32",
}


def recipe(**changes):
    return Joint.model_validate(TURNS | changes)


def network(how, seed=3):
    return build_network(how, INPUTS, 10, seed)


def streams_of(how, pool, count=40, leaked=None):
    """Forty labelled images, and as many others from the 40th on."""
    images, labels = pool.images, torch.from_numpy(pool.labels[:count])
    streams = how.streams()
    known, others = (Images(images, np.arange(s, s + count)) for s in (0, count))
    return {
        LABELLED: Stream(known, streams["labelled"].views, 8, labels),
        UNLABELLED: Stream(others, streams["unlabelled"].views, 8, leaked),
    }


def trained(how, pool, keeper=None, model=None):
    built = model or network(how)
    history = Trainer(built, streams_of(how, pool), how, 4, CPU, keeper).run()
    return built, history.drop(columns="images_per_second")
