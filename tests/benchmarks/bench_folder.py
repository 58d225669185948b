"""Images per second from a folder of JPEGs: ingest against torchvision's ImageFolder, DataLoader.

Run as ``python tests/benchmarks/bench_folder.py [FILES [SIDE]]``. The JPEGs are cut from the two
photographs that come with scikit-learn. Both sides have all cores and a process of their own, bring
the same files to SIDE x SIDE by the same rule and write them to one array on disk; ours takes the
digest of every file too. Memory is what the processes of a side have for themselves (USS), sampled;
what comes from the disk is in the page cache for both.
"""

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import coldstart  # noqa: F401  # before torch: threads wait as in jobs

# isort: split

import numpy as np
import psutil
from PIL import Image
from sklearn.datasets import load_sample_images

SIDES = ("ours", "theirs")
DISTINCT = 2000
SIZES = ((320, 240), (500, 375), (375, 500), (640, 480), (1280, 960))


def fill(root: Path, files: int) -> None:
    """Folders of ten classes; a cut is drawn for each of the distinct files."""
    photographs = [Image.fromarray(photograph) for photograph in load_sample_images().images]
    rng = np.random.default_rng(0)
    corners = rng.integers(0, (400, 187), (DISTINCT, 2)).tolist()

    def write(index: int) -> None:
        left, top = corners[index]
        cut = photographs[index % 2].crop((left, top, left + 240, top + 240))
        image = cut.resize(SIZES[index % len(SIZES)], Image.Resampling.BICUBIC)
        first = root / f"class{index % 10}" / f"{index:06}.jpg"
        image.save(first, quality=90)
        for copy in range(index + DISTINCT, files, DISTINCT):
            (first.parent / f"{copy:06}.jpg").write_bytes(first.read_bytes())

    for label in range(10):
        (root / f"class{label}").mkdir(parents=True)
    with ThreadPoolExecutor() as threads:
        list(threads.map(write, range(min(files, DISTINCT))))


def ours(root: Path, side: int, out: Path) -> dict[str, float]:
    from coldstart.config.recipes.datasets.folder import Folder
    from coldstart.data.sources import folder
    from coldstart.data.sources.scan import scan_folder
    from coldstart.running.places import export_places
    from coldstart.running.settings import Settings

    recipe = Folder(source="folder", path=str(root), size=[side, side], labels="folders")
    cache = out.parent / "cache"
    times = {}
    for name in ("scan", "scan again"):
        start = time.perf_counter()
        scan = scan_folder(recipe, Path(), cache)
        times[name] = time.perf_counter() - start
    export_places(scan.places)
    start = time.perf_counter()
    source = folder.read(scan.images_recipe(), Settings())
    with out.open("wb") as file:
        for chunk in source.parts[0].chunks():
            file.write(chunk.data)
    source.digest()
    return {"seconds": time.perf_counter() - start, **times}


def theirs(root: Path, side: int, out: Path) -> dict[str, float]:
    import torch
    from torch.utils.data import DataLoader

    from coldstart.common.vision import torchvision

    torch.set_num_threads(1)
    T = torchvision.transforms
    rule = T.Compose([T.Resize(side), T.CenterCrop(side), T.PILToTensor()])
    start = time.perf_counter()
    images = torchvision.datasets.ImageFolder(str(root), rule)
    with out.open("wb") as file:
        for batch, _ in DataLoader(images, 128, num_workers=os.cpu_count() or 1):
            file.write(batch.permute(0, 2, 3, 1).contiguous().numpy().data)
    return {"seconds": time.perf_counter() - start}


def measured(name: str, root: Path, side: int, out: Path) -> dict[str, float]:
    """Run a side in a process of its own, and watch its memory."""
    command = [sys.executable, __file__, name, str(root), str(side), str(out)]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    peak, ended = 0.0, threading.Event()

    def watch() -> None:
        nonlocal peak
        while not ended.wait(0.2):
            try:
                process = psutil.Process(running.pid)
                family = [process, *process.children(recursive=True)]
                peak = max(peak, sum(member.memory_full_info().uss for member in family))
            except psutil.Error:  # one has just ended
                continue

    watcher = threading.Thread(target=watch)
    watcher.start()
    printed = running.communicate()[0]
    ended.set()
    watcher.join()
    if running.returncode:
        raise SystemExit(f"{name} failed")
    return {**json.loads(printed.splitlines()[-1]), "megabytes": peak / 2**20}


def main(files: int = 20_000, side: int = 224) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary) / "images"
        fill(root, files)
        found = {name: measured(name, root, side, root.with_name(name)) for name in SIDES}
        one, other = (np.memmap(root.with_name(name), np.uint8, mode="r") for name in SIDES)
        step = max(1, len(one) // 10**7)
        apart = np.abs(one[::step].astype(int) - other[::step]).mean()
    print(f"{files} JPEGs to {side}x{side}, {os.cpu_count()} cores")
    for name, run in found.items():
        print(f"{name:8}{files / run['seconds']:9.0f} images/s{run['megabytes']:9.0f} MB")
    print(f"ratio   {found['theirs']['seconds'] / found['ours']['seconds']:9.2f}")
    print(f"the two differ by {apart:.2f} levels on average")
    run = found["ours"]
    print(f"scan: {run['scan']:.2f} s the first time, {run['scan again']:.2f} s after")


if __name__ == "__main__":
    if sys.argv[1:] and sys.argv[1] in SIDES:
        result = globals()[sys.argv[1]](Path(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]))
        print(json.dumps(result))
    else:
        main(*map(int, sys.argv[1:]))
