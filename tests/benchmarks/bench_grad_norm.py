"""Per-sample gradient norms: the batched method against one backward pass per image.

BYOL's online network (ResNet-18, projector and predictor) at 32x32, two views per image. With the
ImageNet stem it is the network of Ganesh & Vento; the small-image stem computes 16 times as much.
Both methods take turns in one run, so that other load on the machine hits both.
"""

import argparse
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import coldstart  # noqa: F401  # before torch: threads wait as in jobs

# isort: split

import torch
from torch import Tensor, nn
from torch.nn import functional

from coldstart.common.vision import torchvision
from coldstart.embeddings.grad_norm import gradient_norms

Method = Callable[[nn.Module, Tensor, Tensor], Tensor]


def head(inputs: int, hidden: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(inputs, hidden), nn.BatchNorm1d(hidden), nn.ReLU(True), nn.Linear(hidden, outputs)
    )


def byol_network(stem: str) -> nn.Sequential:
    encoder = torchvision.models.resnet18()
    if stem == "cifar":
        encoder.conv1 = nn.Conv2d(3, 64, 3, 1, 1, bias=False)
        encoder.maxpool = nn.Identity()
    encoder.fc = nn.Identity()
    network = nn.Sequential(encoder, head(512, 4096, 256), head(256, 4096, 256))
    with torch.no_grad():  # one pass in training mode: running statistics that fit the images
        network(torch.randn(32, 3, 32, 32))
    return network.eval().to(memory_format=torch.channels_last)


def symmetric_loss(outputs: Tensor, targets: Tensor) -> Tensor:
    terms = 2 - 2 * functional.cosine_similarity(outputs, targets)
    return terms.view(2, -1).sum(0)


def loop(network: nn.Module, images: Tensor, targets: Tensor) -> Tensor:
    """The gradient norm of every image, by one backward pass each."""
    norms = []
    for view_pair, target_pair in zip(
        images.unflatten(0, (2, -1)).transpose(0, 1),
        targets.unflatten(0, (2, -1)).transpose(0, 1),
        strict=True,
    ):
        network.zero_grad()
        symmetric_loss(network(view_pair), target_pair).sum().backward()
        # Parameter by parameter: the norm of all 16 million at once is off by 2e-4 in float32.
        norms.append(torch.stack([p.grad.norm() for p in network.parameters()]).norm())
    return torch.stack(norms)


def batched(network: nn.Module, images: Tensor, targets: Tensor) -> Tensor:
    samples = len(images) // 2
    return gradient_norms(network, lambda: symmetric_loss(network(images), targets), samples)


def plain_backward(network: nn.Module, images: Tensor, targets: Tensor) -> Tensor:
    """No per-sample norms: what one training step costs, for comparison."""
    network.zero_grad()
    losses = symmetric_loss(network(images), targets)
    losses.sum().backward()
    return losses


def seconds(method: Method, *arguments: Any) -> tuple[float, Tensor]:
    start = time.perf_counter()
    result = method(*arguments)
    return time.perf_counter() - start, result


def compare(network: nn.Module, size: int, few: int, rounds: int) -> str:
    """One line for batches of ``size`` images; the loop takes the first ``few`` of them."""
    images = torch.randn(2 * size, 3, 32, 32).contiguous(memory_format=torch.channels_last)
    targets = torch.randn(2 * size, 256)
    rows = torch.cat([torch.arange(few), size + torch.arange(few)])
    batched(network, images, targets)
    slow, fast, plain = [], [], []
    for _ in range(rounds):
        spent, expected = seconds(loop, network, images[rows], targets[rows])
        slow.append(few / spent)
        spent, norms = seconds(batched, network, images, targets)
        fast.append(size / spent)
        spent, _ = seconds(plain_backward, network, images, targets)
        plain.append(size / spent)
    ratio = median(f / s for f, s in zip(fast, slow, strict=True))
    difference = float((norms[:few] / expected - 1).abs().max())
    return (
        f"batch {size:3d}: loop {median(slow):5.1f} images/s, gradient_norms {median(fast):5.1f}, "
        f"plain batched backward {median(plain):5.1f}; median ratio to the loop {ratio:.2f}, "
        f"max relative difference {difference:.1e}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stem", choices=["imagenet", "cifar"], default="imagenet")
    parser.add_argument("--batch-sizes", type=int, nargs="+", default=[8, 16, 32, 64])
    parser.add_argument("--loop-images", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    network = byol_network(arguments.stem)
    for size in arguments.batch_sizes:
        few = min(size, arguments.loop_images)
        print(compare(network, size, few, arguments.rounds), flush=True)


if __name__ == "__main__":
    main()
