"""A user's own folder, ranked for real at smoke scale."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
from PIL import Image

TARGET = "results/ranking/ranking.csv"
BUDGET = 12
LABELLED = {"plain/0.jpg": "cat", "with space/ü é/1.jpg": "dog"}
BROKEN = "plain/broken.jpg"


def paint(folder):
    """40 photographs of noise around a colour in folders below, and one that is cut short."""
    rng = np.random.default_rng(0)
    for index in range(40):
        below = folder / ("plain", "with space/ü é")[index % 2]
        below.mkdir(parents=True, exist_ok=True)
        pixels = rng.integers(0, 60, size=(40, 50, 3)) + rng.integers(0, 190, size=3)
        Image.fromarray(pixels.astype(np.uint8)).save(below / f"{index}.jpg")
    whole = (folder / "plain/2.jpg").read_bytes()
    (folder / BROKEN).write_bytes(whole[: len(whole) // 2])
    (folder / "notes.txt").write_text("no image")
    return folder


def settings(images, **more):
    given = {"scale": "smoke", "images": images, "budget": BUDGET, **more}
    return [f"{key}={value}" for key, value in given.items()]


@pytest.fixture(scope="module")
def done(clone_at, tmp_path_factory):
    """A clone in which a folder was ranked, the settings, the folder, and what was printed."""
    folder = tmp_path_factory.mktemp("own")
    images = paint(folder / "my images")
    table = folder / "labelled.csv"
    rows = [f"{path},{label}" for path, label in LABELLED.items()]
    table.write_text("\n".join(["path,label", *rows, ""]), encoding="utf-8")
    clone, config = clone_at(folder / "clone"), settings(images, labelled=table)
    said = clone.snakemake(TARGET, config=config).stdout
    return clone, config, images, said


def test_every_readable_image_is_ranked_once(done):
    clone, _, images, said = done
    table = pd.read_csv(clone.folder / TARGET)
    there = {str(path.relative_to(images)) for path in images.rglob("*.jpg")} - {BROKEN}
    assert sorted(table["path"]) == sorted(there)
    ranks = table["rank"].dropna()
    assert ranks.tolist() == list(range(1, 40 - len(LABELLED) + 1))
    assert table["by"].tolist() == (
        ["max-herding"] * BUDGET + ["distance"] * (40 - BUDGET - 2) + ["labelled"] * 2
    )
    at_end = table.tail(2).set_index("path")["given_label"].to_dict()
    assert at_end == LABELLED
    assert table["cluster"].between(1, 10).all()
    assert np.isfinite(table["score"][:-2]).all()  # there were labels to start from
    skipped = pd.read_csv(clone.folder / "results/ranking/skipped.csv")
    assert skipped["path"].tolist() == ["notes.txt", BROKEN]
    assert "1 image could not be read" in said
    assert "1 other file was left out: 1 .txt" in said
    assert "Traceback" not in said


def test_page_and_table_for_other_tools_have_every_image(done):
    clone, _, images, _ = done
    ranking = pd.read_csv(clone.folder / TARGET)
    table = pd.read_parquet(clone.folder / "results/ranking/ranking.parquet")
    assert table["path"].tolist() == ranking["path"].tolist()
    assert set(table["file"]) == {str(images / path) for path in ranking["path"]}
    html = (clone.folder / "results/ranking/index.html").read_text("utf-8")
    assert all(json.dumps(path)[1:-1] in html for path in ranking["path"])


def test_the_tasks_are_those_to_label_in_order(done):
    clone, _, _, said = done
    tasks = json.loads((clone.folder / "results/ranking/label-studio.json").read_text("utf-8"))
    ranked = pd.read_csv(clone.folder / TARGET).dropna(subset="rank")
    assert [task["data"]["path"] for task in tasks] == ranked["path"].tolist()
    assert any("my%20images/with%20space/%C3%BC" in task["data"]["image"] for task in tasks)
    interface = (clone.folder / "results/ranking/label-studio.xml").read_text("utf-8")
    assert '"cat"' in interface
    assert '"dog"' in interface
    assert "LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT=" in said


def test_figures_are_beside_the_ranking(done):
    clone, *_ = done
    for name in ("contact-sheet", "embedding-map", "data-sheet"):
        for suffix in ("png", "pdf", "svg"):
            assert (clone.folder / f"results/ranking/{name}.{suffix}").stat().st_size > 3000
    sheet = pd.read_csv(clone.folder / "results/figures/own/contact-sheet.csv")
    ranked = pd.read_csv(clone.folder / TARGET)
    assert sheet["path"].tolist() == ranked["path"].tolist()[:BUDGET]
    shown = pd.read_csv(clone.folder / "results/figures/own/embedding-map.csv").set_index("id")
    assert shown["rank"].count() == BUDGET
    assert shown["labelled"].sum() == 2


def test_second_run_without_a_target_does_nothing(done):
    clone, config, *_ = done
    assert clone.planned(config=config) == {}


def test_the_same_images_elsewhere_are_not_read_again(done, tmp_path):
    clone, config, images, _ = done
    shutil.copytree(images, tmp_path / "moved")
    config = [f"images={tmp_path / 'moved'}" if "images=" in part else part for part in config]
    assert clone.planned(TARGET, config=config) == {"ranking": 1}


def test_more_labels_change_the_picks_and_not_the_encoder(done, tmp_path):
    clone, _, images, _ = done
    (tmp_path / "more.csv").write_text(f"path,label\n{images}/plain/4.jpg,cat\n", "utf-8")
    config = settings(images, labelled=tmp_path / "more.csv")
    planned = clone.planned(TARGET, config=config)
    assert planned == {"ingest": 1, "select": 1, "growth": 1, "figure": 3, "ranking": 1}


def test_given_embeddings_need_no_encoder(done, tmp_path):
    clone, _, images, _ = done
    paths = sorted(str(path.relative_to(images)) for path in images.rglob("*.jpg"))
    vectors = np.random.default_rng(0).normal(size=(len(paths), 3))
    pd.DataFrame({"path": paths, "embedding": list(vectors)}).to_parquet(tmp_path / "mine.parquet")
    config = [*settings(images), f"embeddings={tmp_path / 'mine.parquet'}", "image_size=32"]
    planned = clone.planned(TARGET, config=config)
    assert planned == {"embed": 1, "select": 1, "figure": 2, "ranking": 1}
    clone.snakemake("results/embeddings/own/own/seed0/unit.json", config=config)


def test_a_classifier_of_the_labels_is_asked_and_the_picks_are_handed_over(done, tmp_path):
    clone, _, images, _ = done
    table = tmp_path / "labelled.csv"
    paths = sorted(images.rglob("*.jpg"))[:24]
    table.write_text("path,label\n" + "".join(f"{p},{'ab'[i % 2]}\n" for i, p in enumerate(paths)))
    config = [*settings(images, labelled=table), "sampler=min-margin", "export=[folder,cvat]"]
    planned = clone.planned(TARGET, config=config)
    assert planned["learn_given"] == planned["growth"] == planned["select"] == 1
    said = clone.snakemake(TARGET, config=config).stdout
    assert "labels is right on" in said
    ranked = pd.read_csv(clone.folder / TARGET)
    picks = ranked[ranked["by"] == "min-margin"]
    assert len(picks) == BUDGET
    margins = 1 - (2 * picks["probability"] - 1)  # of two classes
    np.testing.assert_allclose(picks["score"], margins, atol=1e-4)
    assert ranked[ranked["by"] != "labelled"]["predicted"].isin(["a", "b"]).all()
    assert ranked[ranked["by"] == "labelled"]["predicted"].isna().all()
    folder = clone.folder / "results/ranking"
    assert (folder / "label-growth.png").stat().st_size > 3000
    linked = sorted((folder / "picks").glob("*.jpg"))
    assert [str(link.resolve().relative_to(images.resolve())) for link in linked] == list(
        picks["path"]
    )
    assert (folder / "cvat-files.txt").read_text("utf-8").splitlines() == list(picks["path"])
    assert not (folder / "label-studio.json").exists()


@pytest.mark.parametrize("name", ["labels", "ranking"])
def test_an_earlier_name_of_the_ranking_is_still_a_target(done, name):
    clone, config, *_ = done
    old = clone.folder / f"results/own/{name}.csv"
    old.parent.mkdir(exist_ok=True)
    old.write_text("path,label\nplain/0.jpg,cat\n", encoding="utf-8")  # as somebody left it
    said = clone.snakemake(f"results/own/{name}.csv", "--force", config=config).stdout
    assert "Ask for the new name" in said
    assert old.read_bytes() == (clone.folder / TARGET).read_bytes()
    (kept,) = old.parent.glob(f"{name}.edited-*.csv")
    assert "cat" in kept.read_text("utf-8")


def test_labels_typed_into_an_output_are_kept(done, copy_of):
    """A kill, another budget with all jobs forced, and the deletion of all outputs."""
    first, config, *_ = done
    clone = copy_of(first)
    ranking, config = clone.folder / TARGET, [*config, "budget=9"]

    def edit():
        lines = ranking.read_text("utf-8").splitlines()
        text = "\n".join([f"{lines[0]},label", *(f"{line},Löwe" for line in lines[1:])])
        ranking.write_text(text, encoding="utf-8")
        return text

    def survives(text):
        return text in [path.read_text("utf-8") for path in ranking.parent.glob("ranking*.csv")]

    text = edit()
    clone.kill_when("rule ranking:", TARGET, "--force", config=config)
    assert survives(text)
    said = clone.snakemake(TARGET, "--forceall", config=config).stdout
    assert survives(text)
    assert "is kept as results/ranking/ranking.edited-" in said
    assert pd.read_csv(ranking)["by"].tolist().count("max-herding") == 9
    text = edit()
    clone.snakemake(TARGET, "--delete-all-output", config=config)
    assert not ranking.exists()
    assert survives(text)


def test_output_of_a_ranking_is_refused_as_labels(done):
    clone, config, *_ = done
    said = clone.snakemake("-n", config=[*config, f"labelled={TARGET}"], check=False).stdout
    assert "lies in results/, where runs write" in said
    assert "--config labelled=my-labels.csv" in said


def test_folder_without_a_readable_image_is_reported(done, tmp_path):
    clone, *_ = done
    (tmp_path / "notes.txt").write_text("no image")
    said = clone.snakemake("-n", config=settings(tmp_path), check=False)
    assert said.stdout.rstrip().count("Error: There are no images in") == 1
    assert "in file" not in said.stdout
    for index in range(3):
        (tmp_path / f"{index}.jpg").write_text("no image")
    said = clone.snakemake(TARGET, config=settings(tmp_path), check=False)
    assert said.returncode != 0
    assert "None of the 3 images" in said.stdout
    assert "Traceback" not in said.stdout
