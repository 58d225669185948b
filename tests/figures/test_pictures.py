import json
import tracemalloc

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from coldstart.common.errors import ColdstartError
from coldstart.config.recipes.figures.contact_sheet import ContactSheet
from coldstart.config.recipes.figures.data_sheet import DataSheet
from coldstart.config.recipes.figures.embedding_map import EmbeddingMap
from coldstart.config.recipes.figures.image_grid import ImageGrid
from coldstart.data.unclassed import OUTLIER, UNLABELLED
from coldstart.embeddings.clusters import cluster
from coldstart.figures import contact_sheet, data_sheet, embedding_map, image_grid
from coldstart.running.places import PLACES

MAP = EmbeddingMap(kind="embedding-map", title="Map", budget=4)


def with_images(studio, run, channels, seed):
    """Two encoder seeds, two samplers: one picks upwards, one downwards; image i is all i."""
    images = np.arange(30, dtype=np.uint8).reshape(-1, 1, 1, 1) * np.ones(
        (1, 8, 8, channels), dtype=np.uint8
    )
    studio.run(run, ["random", "my-own"], encoder=f"encoder-{run}").images(run, images)
    for encoder_seed in (seed, seed + 1):
        up = np.arange(encoder_seed, 30)
        for sampler, ids in (("random", up), ("my-own", up[::-1])):
            studio.selection(run, encoder_seed, sampler, ids, [4, 10, 6], trials=2)
    return studio


@pytest.mark.parametrize("channels", [1, 3])
def test_contact_sheet_shows_the_first_picks_in_order(studio, channels):
    with_images(studio, "main", channels, seed=5)
    target = ContactSheet(kind="contact-sheet", title="Sheet", count=5)
    figure, numbers = contact_sheet.draw(studio.shown(), target)
    assert numbers["encoder_seed"].unique().tolist() == [5]
    assert numbers["budget"].unique().tolist() == [6]
    assert numbers[numbers["sampler"] == "random"]["id"].tolist() == [5, 6, 7, 8, 9]
    assert numbers[numbers["sampler"] == "my-own"]["id"].tolist() == [29, 28, 27, 26, 25]
    assert numbers["rank"].tolist() == [1, 2, 3, 4, 5] * 2
    axes = figure.axes[0]
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["Random", "my-own"]
    (image,) = axes.get_images()
    shown = np.asarray(image.get_array())
    side = shown.shape[0] // 2
    middles = shown[side // 2 :: side, side // 2 :: side].reshape(2, 5, -1)[..., 0]
    assert middles.tolist() == [[5, 6, 7, 8, 9], [29, 28, 27, 26, 25]]
    assert shown.ndim == (2 if channels == 1 else 3)


def test_each_run_has_a_sheet_of_its_own_images(studio):
    with_images(studio, "grey", 1, seed=0)
    with_images(studio, "colour", 3, seed=0)
    target = ContactSheet(kind="contact-sheet", title="Sheet", count=3)
    figure, numbers = contact_sheet.draw(studio.shown(), target)
    assert [axes.get_title(loc="left") for axes in figure.axes] == [
        "encoder grey",
        "encoder colour",
    ]
    assert len(numbers) == 2 * 2 * 3


def test_images_are_enlarged_by_whole_pixels_with_white_between():
    image = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(1, 1, 2, 3, 3)
    sheet = contact_sheet.arrange(np.concatenate([image, image + 100], axis=1))
    margin, factor = 3, 32
    inside = sheet[margin:-margin, margin : margin + 3 * factor]
    assert sheet.shape == (2 * factor + 2 * margin, 2 * (3 * factor + 2 * margin), 3)
    assert np.array_equal(inside[::factor, ::factor], image[0, 0])
    assert np.array_equal(inside[factor - 1 :: factor, factor - 1 :: factor], image[0, 0])
    assert (sheet[:margin] == 255).all()


def with_map(studio, n=24, seed=3, size=1):
    """Candidates 100.. in two far-off clusters, by turns; images before them are not candidates."""
    ids = np.arange(100, 100 + n)
    labels = np.arange(100 + n) % 2
    rng = np.random.default_rng(0)
    embeddings = rng.normal(size=(n, 5)).astype(np.float32) + 50 * labels[100:, None]
    embeddings = (embeddings * size).astype(np.float32)
    studio.run("main", ["random", "kmeans"], classes=["cat", "dog"]).labels("main", labels)
    studio.embeddings("main", seed, ids, ["candidates"] * (n - 4) + ["test"] * 4, embeddings)
    studio.selection("main", seed, "random", ids, [4, 6], trials=2)
    studio.selection("main", seed, "kmeans", ids[5:], [4, 6], trials=2)
    return studio


def test_map_has_one_layout_with_the_picks_of_each_sampler(studio):
    figure, numbers = embedding_map.draw(with_map(studio).shown(), MAP)
    assert numbers["encoder_seed"].unique().tolist() == [3]
    of = dict(list(numbers.groupby("sampler")))
    assert set(of) == {"random", "kmeans"}
    for sampler, picked in (("random", [100, 101, 102, 103]), ("kmeans", [105, 106, 107, 108])):
        assert of[sampler]["id"].tolist() == list(range(100, 120))
        ranked = of[sampler].dropna(subset="rank")
        assert ranked["id"].tolist() == picked
        assert ranked["rank"].tolist() == [1, 2, 3, 4]
    assert np.array_equal(of["random"][["x", "y"]], of["kmeans"][["x", "y"]])
    assert of["random"]["class"].tolist() == ["cat", "dog"] * 10
    where = of["random"].groupby("class")[["x", "y"]]
    apart = np.linalg.norm(where.mean().diff().iloc[-1])
    assert apart > 3 * where.std().to_numpy().max()
    assert [axes.get_title() for axes in figure.axes] == ["Random", "k-means"]
    _, outlined = figure.axes[0].collections
    assert len(outlined.get_offsets()) == 4
    assert "all the same" not in figure._supxlabel.get_text()


def test_map_of_identical_embeddings_is_one_point(studio):
    figure, numbers = embedding_map.draw(with_map(studio, size=0).shown(), MAP)
    assert (numbers[["x", "y"]] == 0).all(axis=None)
    assert "embeddings are all the same" in figure._supxlabel.get_text()
    alike = np.full((20, 5), 0.3, dtype=np.float32)
    assert embedding_map.lay_out(alike, 30).tolist() == [[0, 0]] * 20


def test_map_at_an_unknown_budget_names_the_known_ones(studio):
    with pytest.raises(ColdstartError, match=r"5 labels.*4, 6"):
        embedding_map.draw(with_map(studio).shown(), MAP.model_copy(update={"budget": 5}))


def test_map_of_many_candidates_shows_an_even_subset_and_all_picks():
    ids = np.arange(1000, 2000)
    picked = np.array([1001, 1002, 1003, 1999])
    kept = embedding_map.spread(ids, picked, 100)
    assert np.isin(picked, ids[kept]).all()
    assert len(kept) == 103  # the last is in the spread anyway
    assert np.all(np.diff(kept) > 0)
    assert np.diff(kept).max() <= 11
    assert embedding_map.spread(ids, picked, 1000).tolist() == list(range(1000))


def test_map_without_classes_is_coloured_by_clusters(studio):
    studio = with_map(studio)
    studio.runs["main"]["classes"] = []
    del studio.keys["labels/main"]
    figure, numbers = embedding_map.draw(studio.shown(), MAP)
    _, embeddings = studio.shown().embeddings("main", 3)
    expected = [f"cluster {number}" for number in cluster(embeddings)]
    assert numbers[numbers["sampler"] == "random"]["class"].tolist() == expected
    assert len(set(expected)) > 1
    legend = [text.get_text() for text in figure.axes[-1].get_legend().get_texts()]
    assert legend == sorted(set(expected))


def test_map_marks_images_that_had_a_label_before(studio):
    studio = with_map(studio)
    studio.labels("main", np.arange(124) % 2)

    def write(out):
        pd.DataFrame({"id": [108, 111, 5], "label": 0}).to_parquet(out / "labels.parquet")

    studio._publish("labelled/main", write)
    figure, numbers = embedding_map.draw(studio.shown(), MAP)
    assert set(numbers[numbers["labelled"]]["id"]) == {108, 111}
    *_, crosses = figure.axes[0].collections
    assert len(crosses.get_offsets()) == 2


def with_files(studio, folder, count=30):
    """Images of 8 x 8 pixels in the store, and their files with four times as many."""
    images = np.arange(count, dtype=np.uint8).reshape(-1, 1, 1, 1) * np.ones((1, 8, 8, 3), np.uint8)
    paths = [f"sub/a rather long name {index} $a^b^c$ ü.png" for index in range(count)]
    (folder / "sub").mkdir(parents=True)
    for index, path in enumerate(paths):
        Image.fromarray(np.full((16, 16, 3), 100 + index, np.uint8)).save(folder / path)
    recipe = {"digest": "sha256:x", "shape": [8, 8, 3], "resize": "crop"}

    def write(out):
        np.save(out / "images.npy", images)
        items = pd.DataFrame({"id": np.arange(count), "part": "all", "path": paths})
        items.to_parquet(out / "items.parquet")

    studio.run("main", ["k-centre"], classes=[])
    studio._publish("images/main", write, recipe)
    studio.selection("main", 0, "k-centre", np.arange(count)[::-1], [20])
    return paths


def levels(figure):
    images = [axes.get_images() for axes in figure.axes]
    return [int(np.median(shown[0].get_array())) for shown in images if shown]


@pytest.mark.parametrize("there", [True, False])
def test_grid_shows_the_original_files_if_they_exist(studio, tmp_path, monkeypatch, there):
    paths = with_files(studio, tmp_path / "files")
    places = {"sha256:x": [str(tmp_path / "files")]}
    monkeypatch.setenv(PLACES, json.dumps(places) if there else "{}")
    target = ImageGrid(kind="image-grid", title="Grid", count=11)
    figure, numbers = image_grid.draw(studio.shown(), target)
    assert numbers["id"].tolist() == list(range(29, 18, -1))
    assert numbers["path"].tolist() == paths[29:18:-1]
    assert levels(figure) == [index + 100 * there for index in range(29, 18, -1)]
    assert [axes.get_title(loc="left") for axes in figure.axes[:11]] == [*map(str, range(1, 12))]
    names = [axes.texts[0] for axes in figure.axes[:11]]
    assert all(paths[29 - at].endswith(name.get_text()[1:]) for at, name in enumerate(names))
    figure.savefig(tmp_path / "grid.png")  # a name between dollar signs is no formula


def test_grid_shows_stored_images_if_files_are_gone(studio, tmp_path, monkeypatch):
    with_files(studio, tmp_path / "files")
    monkeypatch.setenv(PLACES, json.dumps({"sha256:x": [str(tmp_path / "moved")]}))
    target = ImageGrid(kind="image-grid", title="Grid", count=3)
    assert levels(image_grid.draw(studio.shown(), target)[0]) == [29, 28, 27]


def test_data_sheet_reads_a_large_pool_in_chunks(studio):
    """110,000 images of 64x64 would take 1.4 GB; numpy's own memory is what is traced."""
    count = 12_000
    images = np.zeros((count, 32, 32, 3), dtype=np.uint8)
    images[::2] = 255
    studio.run("main", [], dataset="a set", digest="as published")
    studio.images("main", images).labels("main", np.arange(count) % 10)
    splits = np.where(np.arange(count) % 12, "unlabeled", "candidates")
    table = pd.DataFrame({"id": np.arange(count), "split": splits})
    studio._publish("index/main", lambda out: table.to_parquet(out / "index.parquet", index=False))
    shown = studio.shown()
    tracemalloc.start()
    figure, numbers = data_sheet.draw(shown, DataSheet(kind="data-sheet", title="Sheet"))
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert numbers["images"].sum() == count
    assert "mean 0.455, 0.455, 0.455" in figure.get_supxlabel().replace("\n", " ")
    assert most < images.nbytes * 0.8


def sheet_of(studio, labels, classes):
    """A data sheet of four images, candidates all of them; labels by id, None of an outlier."""
    studio.run("main", [], dataset="a set", digest="as published", classes=classes)
    studio.images("main", np.zeros((4, 8, 8, 1), dtype=np.uint8))
    if labels is not None:
        table = pd.DataFrame(
            {"id": list(labels), "label": pd.array(list(labels.values()), "Int64")}
        )
        studio._publish("labels/main", lambda out: table.to_parquet(out / "labels.parquet"))
    index = pd.DataFrame({"id": np.arange(4), "split": ["candidates"] * 2 + ["unlabeled"] * 2})
    studio._publish("index/main", lambda out: index.to_parquet(out / "index.parquet", index=False))
    return data_sheet.draw(studio.shown(), DataSheet(kind="data-sheet", title="Sheet"))


def test_data_sheet_tells_outliers_from_unlabelled_images(studio):
    figure, numbers = sheet_of(studio, {0: 1, 1: None, 2: 0}, ["cat", "dog"])
    found = numbers.set_index(["split", "class"])["label"].to_dict()
    assert found == {
        ("candidates", "dog"): 1,
        ("candidates", "outlier"): OUTLIER,
        ("unlabeled", "cat"): 0,
        ("unlabeled", "unlabelled"): UNLABELLED,
    }
    rows = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert rows == ["cat", "dog", "outlier", "unlabelled"]
    assert OUTLIER != UNLABELLED


def test_data_sheet_of_images_without_classes_has_one_row(studio):
    figure, numbers = sheet_of(studio, None, [])
    assert set(numbers["class"]) == {"images"}
    assert len(figure.axes[0].get_yticklabels()) == 1


def test_labels_of_a_pool_tell_outliers_from_unlabelled_images(studio):
    sheet_of(studio, {0: 1, 1: None, 2: 0}, ["cat", "dog"])
    assert studio.shown().known_labels("main", np.arange(4)).tolist() == [1, OUTLIER, 0, UNLABELLED]


def test_map_of_a_subset_has_a_note(studio, monkeypatch):
    monkeypatch.setattr(embedding_map, "MOST_POINTS", 20)
    rng = np.random.default_rng(0)
    studio.run("main", ["random"]).labels("main", np.arange(60) % 10)
    embeddings = rng.normal(size=(60, 4)).astype(np.float32)
    studio.embeddings("main", 0, np.arange(60), ["candidates"] * 60, embeddings)
    studio.selection("main", 0, "random", np.arange(60), [4])
    figure, numbers = embedding_map.draw(studio.shown(), MAP)
    note = figure.get_supxlabel().replace("\n", " ")
    assert f"Dots: {len(numbers)} of 60 candidates, evenly spread, and all picks, by class" in note


def test_classes_beyond_the_colours_share_none(studio):
    rng = np.random.default_rng(0)
    names = [f"class {n}" for n in range(11)]
    studio.run("main", ["random"], classes=names).labels("main", np.arange(44) % 11)
    embeddings = rng.normal(size=(44, 4)).astype(np.float32)
    studio.embeddings("main", 0, np.arange(44), ["candidates"] * 44, embeddings)
    studio.selection("main", 0, "random", np.arange(44), [4])
    figure, _ = embedding_map.draw(studio.shown(), MAP)
    candidates, picks = figure.axes[0].collections[:2]
    assert len(np.unique(candidates.get_facecolors(), axis=0)) == 1
    assert len(np.unique(picks.get_facecolors(), axis=0)) == 1
    assert figure.axes[0].get_legend() is None
    assert "of 11 classes, too many for colours" in figure.get_supxlabel().replace("\n", " ")


def test_map_of_a_learner_outlines_the_next_picks_and_crosses_the_first_labels(studio):
    rng = np.random.default_rng(0)
    ids = np.arange(40)
    studio.run("toy", ["core-set", "max-entropy"], encoder=None, classes=["a", "b"])
    studio.labels("toy", ids % 2)
    studio.embeddings("toy", 0, ids, ["candidates"] * 40, rng.normal(size=(40, 3)))
    for sampler, then in (("core-set", [9, 8, 7]), ("max-entropy", [30, 31, 32])):
        studio.cycle("toy", 0, sampler, 0, 4, [3, 2, 1, 0])
        studio.cycle("toy", 0, sampler, 0, 7, [3, 2, 1, 0, *then])
    target = EmbeddingMap(kind="embedding-map", title="Map", budget=7, asked_by="core-set")
    figure, numbers = embedding_map.draw(studio.shown(), target)
    for sampler, then in (("core-set", [9, 8, 7]), ("max-entropy", [30, 31, 32])):
        table = numbers[numbers["sampler"] == sampler]
        picked = table[table["rank"].notna()].sort_values("rank")
        assert picked["id"].tolist() == then
        assert picked["rank"].tolist() == [5, 6, 7]
        assert table.loc[table["labelled"], "id"].tolist() == [0, 1, 2, 3]
        assert len(table) == 40
    assert "the learner's embeddings" in "".join(text.get_text() for text in figure.texts)
    assert "after the first cycle" in target.caption("figure")
