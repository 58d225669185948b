"""The artefacts of data: images, labels, and the pools made of them."""

from pathlib import Path

from coldstart.common.errors import ColdstartError
from coldstart.config.recipes.datasets import Dataset
from coldstart.config.recipes.datasets.folder import Folder
from coldstart.config.recipes.pools import mixture as mixture_of
from coldstart.config.recipes.pools import part_size, splits_of
from coldstart.data.sources.arrays import scan_arrays
from coldstart.data.sources.scan import Scan, scan_folder
from coldstart.planning.artefact import Facts, Planned, once
from coldstart.planning.maker import Maker

DIGESTS = Path("results/.cache")
"""The folder with digests of a user's own files, by which a second look at them is quick."""


class Data:
    """Images, labels and indices of the pools that studies name."""

    def __init__(self, maker: Maker) -> None:
        self.maker, self.recipes, self.config = maker, maker.recipes, maker.config
        self.planned = maker.planned
        self._scans: dict[str, Scan] = {}
        self._facts: dict[str, Facts] = {}

    def dataset(self, name: str) -> Dataset | Scan:
        """Describe a data set, from its recipe or from a look at the user's own files."""
        recipe = self.recipes.get("datasets", name)
        if isinstance(recipe, Dataset):
            return recipe
        if name not in self._scans:
            scan = scan_folder if isinstance(recipe, Folder) else scan_arrays
            self._scans[name] = scan(recipe, Path(self.config.data_dir), DIGESTS)
            self.maker.places |= self._scans[name].places
            for remark in self._scans[name].remarks:
                self.maker.say_once(remark)
        return self._scans[name]

    @once
    def ingested(self, what: str, dataset: str) -> Planned:
        """Images or labels of a data set, by name."""
        recipe = self.dataset(dataset)
        return self.maker.plan(
            f"results/data/{dataset}/{what}.json",
            what,
            recipe.images_recipe() if what == "images" else recipe.labels_recipe(),
            {},
            "coldstart.data.ingest",
            model=self.recipes.get("datasets", dataset),
        )

    @once
    def mixed(self, what: str, pool: str) -> Planned:
        """Images or labels of a pool with another data set's images among its own."""
        recipe = self.recipes.get("pools", pool)
        mixture = mixture_of(recipe)
        if mixture is None:
            raise ColdstartError(f"pool `{pool}` is not mixed: its images are `{recipe.dataset}`")
        inputs = {"own": self.ingested(what, recipe.dataset)}
        if what == "images":
            inputs["outliers"] = self.ingested("images", mixture.outliers.dataset)
        else:
            inputs["images"] = self.mixed("images", pool)
        return self.maker.plan(
            f"results/data/mixed/{pool}/{what}.json",
            what,
            {"shape": self.facts_of(recipe.dataset).shape, **mixture.outliers.model_dump()},
            inputs,
            "coldstart.data.mix",
            model=recipe,
        )

    def images(self, pool: str) -> Planned:
        """Every image that the pool is of, and which part each is from."""
        return self._content("images", pool)

    def labels(self, pool: str) -> Planned:
        """Their labels, apart, so that only the oracle and the evaluation need ever read them."""
        return self._content("labels", pool)

    @once
    def index(self, pool: str) -> Planned:
        """Plan the index of a pool: the split of each image."""
        recipe = self.recipes.get("pools", pool)
        for path, message in recipe.problems(self.dataset(recipe.dataset)).items():
            raise ColdstartError(f"pools.{pool}.{path}: {message}")
        if self.facts(pool).sizes["unlabeled"] < 2:
            raise ColdstartError(
                f"pool `{pool}` has 1 image; an encoder is trained on two or more."
            )
        inputs = {"images": self.images(pool)}
        if self.dataset(recipe.dataset).classes:
            inputs["labels"] = self.labels(pool)
        return self.maker.plan(
            f"results/data/pools/{pool}.json",
            "pool",
            recipe.model_dump(),
            inputs,
            "coldstart.data.pool",
            model=recipe,
        )

    def of_pool(self, pool: str) -> dict[str, Planned]:
        """The images of a pool and its index, which most stages read."""
        return {"images": self.images(pool), "index": self.index(pool)}

    def labelled(self, dataset: str, pool: str, where: str) -> Planned:
        """Plan the table of the images of a pool that have a label already.

        Args:
            dataset: has the same images, and the labels.
            pool: of the run.
            where: names the run's key in messages.
        """
        if self.ingested("images", dataset).key != self.images(pool).key:
            raise ColdstartError(f"{where}: `{dataset}` has other images than pool `{pool}`")
        return self.ingested("labels", dataset)

    def classes(self, pool: str) -> list[str]:
        """The names of the classes of a pool's data set; none where it has no labels."""
        return self.dataset(self.recipes.get("pools", pool).dataset).classes

    def judged(self, pool: str) -> bool:
        """Return True if a pool has test images and labels of two classes, which metrics need."""
        recipe = self.recipes.get("pools", pool)
        return "test" in splits_of(recipe) and len(self.dataset(recipe.dataset).classes) > 1

    def facts(self, pool: str) -> Facts:
        """Return the facts of a pool's images that its recipes hold; sizes are upper bounds."""
        if pool not in self._facts:
            recipe = self.recipes.get("pools", pool)
            dataset = self.dataset(recipe.dataset)
            sizes = {name: sum(split.values()) for name, split in recipe.sizes(dataset).items()}
            self._facts[pool] = Facts(dataset.shape, len(dataset.classes), sizes)
        return self._facts[pool]

    def facts_of(self, dataset: str) -> Facts:
        """Return the facts of a data set's images that its recipe holds."""
        recipe = self.dataset(dataset)
        sizes = {part: part_size(recipe, part) for part in recipe.parts}
        return Facts(recipe.shape, len(recipe.classes), sizes)

    def _content(self, what: str, pool: str) -> Planned:
        recipe = self.recipes.get("pools", pool)
        if mixture_of(recipe) is None:
            return self.ingested(what, recipe.dataset)
        return self.mixed(what, pool)
