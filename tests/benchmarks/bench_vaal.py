"""VAAL's training step against the published schedule: milliseconds a step, and their ratio.

The other side is what a user of https://github.com/sinhasam/vaal runs, less its task network: the
same two networks, two moves of the autoencoder and one of the discriminator in a step, each kind of
images passed alone, and images from PIL through torchvision's transforms in a DataLoader, with the
best of several numbers of workers. Ours has the images on the device. Rounds take turns, and each
side has its fastest one printed.
"""

import argparse
import time
from contextlib import ExitStack
from itertools import count

import coldstart  # before torch: threads wait as in jobs

# isort: split

import numpy as np
import torch
from PIL import Image
from torch import nn
from torch.utils.data import BatchSampler, DataLoader, Dataset, SubsetRandomSampler

import coldstart.common.vision  # noqa: F401  # lets torchvision be imported
from coldstart.config.recipes.learners.vaal import Vaal
from coldstart.learners.networks import build_network
from coldstart.training.device import resolve_device
from coldstart.training.images import Images
from coldstart.training.model import LABELLED, UNLABELLED, Inputs
from coldstart.training.streams import Stream
from coldstart.training.trainer import Trainer

from torchvision import transforms  # isort: skip  # after coldstart.common.vision

ADAM = {"name": "adam", "lr": 0.0005}


def recipe(arguments: argparse.Namespace) -> Vaal:
    return Vaal.model_validate(
        {
            "learner": "vaal",
            "backbone": {"family": "dcgan", "widths": arguments.widths, "latent": 32},
            "views": [{"transforms": [{"op": "flip"}]}],
            "optimizer": ADAM,
            "discriminator": ADAM,
            "hidden": arguments.hidden,
            "total_steps": 10_000,
            "batch_size": arguments.batch,
            "precision": "fp32",
        }
    )


class Pictures(Dataset):
    """Images as torchvision's data sets give them: from an array to PIL to a tensor."""

    def __init__(self, images):
        self.images = images
        self.transform = transforms.Compose(
            [
                transforms.RandomHorizontalFlip(),
                transforms.ToTensor(),
                transforms.Normalize((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
            ]
        )

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        return self.transform(Image.fromarray(self.images[index])), index


class Published:
    """The published loop, less its task network."""

    def __init__(self, model, images, labelled, batch, workers, device):
        self.device, self.online = device, model.online.to(device).train()
        self.discriminator = nn.Sequential(model.discriminator, nn.Sigmoid()).to(device).train()
        self.of_vae = torch.optim.Adam(self.online.parameters(), lr=5e-4)
        self.of_discriminator = torch.optim.Adam(self.discriminator.parameters(), lr=5e-4)
        self.bce, self.mse = nn.BCELoss(), nn.MSELoss()
        parts = np.arange(labelled), np.arange(labelled, len(images))
        self.known, self.others = (
            self._endless(Pictures(images), part, batch, workers) for part in parts
        )

    def _endless(self, pictures, part, batch, workers):
        sampler = SubsetRandomSampler(part)
        loader = DataLoader(
            pictures,
            batch_sampler=BatchSampler(sampler, batch, drop_last=True),
            num_workers=workers,
            persistent_workers=workers > 0,
        )
        for _ in count():
            for images, _ in loader:
                yield images.to(self.device)

    def vae(self, images):
        """Return the decoded images, and the means and log variances of their codes."""
        features = self.online.features(images)
        mean, log_variance = self.online.mean(features), self.online.log_variance(features)
        codes = mean + (log_variance / 2).exp() * torch.randn_like(mean)
        return self.online.decoder(codes), mean, log_variance

    def elbo(self, images, decoded, mean, log_variance):
        divergence = -0.5 * torch.sum(1 + log_variance - mean.pow(2) - log_variance.exp())
        return self.mse(decoded, images) + divergence

    def step(self):
        known, others = next(self.known), next(self.others)
        for move in range(2):
            loss = 0.0
            for images in (known, others):
                decoded, mean, log_variance = self.vae(images)
                answer = self.discriminator(mean)
                loss = loss + self.elbo(images, decoded, mean, log_variance)
                loss = loss + self.bce(answer, torch.ones_like(answer))
            self.of_vae.zero_grad()
            loss.backward()
            self.of_vae.step()
            if not move:
                known, others = next(self.known), next(self.others)
        with torch.no_grad():
            means = [self.vae(images)[1] for images in (known, others)]
        answers = [self.discriminator(mean) for mean in means]
        loss = self.bce(answers[0], torch.ones_like(answers[0]))
        loss = loss + self.bce(answers[1], torch.zeros_like(answers[1]))
        self.of_discriminator.zero_grad()
        loss.backward()
        self.of_discriminator.step()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--widths", type=int, nargs="+", default=[128, 256, 512, 1024])
    parser.add_argument("--hidden", type=int, nargs="+", default=[512, 512])
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--workers", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--labelled", type=int, default=2000)
    parser.add_argument("--steps", type=int, default=5, help="of each side in a round")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    device = resolve_device(arguments.device)
    vaal, labelled = recipe(arguments), arguments.labelled
    images = np.random.default_rng(0).integers(0, 256, (10_000, 32, 32, 3), dtype=np.uint8)
    inputs = Inputs(32, 32, 3, torch.full((3,), 0.5), torch.full((3,), 0.25))
    streams = {
        UNLABELLED: Stream(
            Images(images, np.arange(labelled, len(images))), vaal.views, vaal.batch_size
        ),
        LABELLED: Stream(Images(images, np.arange(labelled)), vaal.views, vaal.batch_size),
    }
    model, settled = build_network(vaal, inputs, 10, 0), vaal.settled(len(images) - labelled)
    trainer = Trainer(model, streams, settled, 0, device)
    batches = trainer._batches(ExitStack())
    sides = {"ours": lambda: trainer._train_step(batches)}
    for workers in arguments.workers:
        plain = build_network(vaal, inputs, 10, 0)
        published = Published(plain, images, labelled, vaal.batch_size, workers, device)
        sides[f"published, {workers} workers"] = published.step
    seconds = {name: [] for name in sides}
    for side in sides.values():
        side()  # starts the workers
    for _ in range(arguments.rounds):
        for name, side in sides.items():
            begun = time.perf_counter()
            for _ in range(arguments.steps):
                side()
            if device.type == "cuda":
                torch.cuda.synchronize()
            seconds[name].append((time.perf_counter() - begun) / arguments.steps)
    fastest = {name: min(several) for name, several in seconds.items()}
    print(f"{arguments.widths}, batch {vaal.batch_size}, {device}, {arguments.threads} threads")
    for name, least in fastest.items():
        print(f"{name:22s} {1000 * least:8.1f} ms a step")
    ours = fastest.pop("ours")
    print(f"ratio to the fastest   {min(fastest.values()) / ours:8.2f}")


if __name__ == "__main__":
    main()
