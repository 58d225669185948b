"""From the settings to a plan: what is made for a folder, and what a user is told before."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from coldstart.common.errors import ColdstartError
from coldstart.config.load import load
from coldstart.data.unclassed import UNLABELLED
from coldstart.planning import ranking as own
from coldstart.planning.plan import Plan
from coldstart.running.places import PLACES
from coldstart.store import Store
from tests.helpers.trees import without_studies

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def places(monkeypatch, tmp_path):
    monkeypatch.setenv(PLACES, "{}")
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def images(tmp_path):
    return paint(tmp_path / "images", 6)


def paint(folder, count):
    (folder / "sub").mkdir(parents=True)
    for index in range(count):
        Image.new("L", (9, 7), 10 * index).save(folder / "sub" / f"{index}.png")
    return folder


def plan_for(images, **settings):
    config = {"scale": "smoke", "images": str(images), **settings}
    workflow = without_studies(Path("workflow"))
    return Plan(load(config, [ROOT / "config.yaml"], workflow), Store(Path("store")))


def walk(planned):
    yield planned
    for made_from in planned.inputs.values():
        yield from walk(made_from)


def keys(plan):
    selection = plan.cycles.selection("own", "own", 0, plan.config.sampler)
    return {planned.identity.stage: planned.key for planned in walk(selection)}


def encoder_of(plan):
    selection = plan.cycles.selection("own", "own", 0, plan.config.sampler)
    made = next(planned for planned in walk(selection) if planned.identity.stage == "pretrain")
    return made.identity.recipe["encoder"]


def test_few_images_are_trained_for_more_epochs(tmp_path):
    few, fewer = (
        encoder_of(
            plan_for(paint(tmp_path / str(count), count), scale="cpu", budget=1, encoder="byol-own")
        )
        for count in (300, 30)
    )
    assert few.pop("epochs") == 750  # of two batches of 128
    assert fewer.pop("epochs") == 1500  # of all 30
    assert few == fewer
    assert "least_steps" not in few


def test_folder_setting_makes_the_ranking_the_default_target(images):
    plan = plan_for(images)
    assert plan.config.studies == ["own"]
    assert set(keys(plan)) == {"images", "pool", "pretrain", "embed", "select"}
    waited = own.inputs(plan)
    assert {path.rpartition(".")[2] for path in waited} == {"json", "png", "pdf", "svg", "csv"}
    assert plan.data.facts("own").sizes == {"unlabeled": 6, "candidates": 6}


def test_path_of_the_folder_is_in_no_key(images, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    images.rename(elsewhere)
    found = keys(plan_for(elsewhere))
    elsewhere.rename(images)
    assert found == keys(plan_for(images))


def table(folder, text):
    path = folder / "labelled.csv"
    path.write_text(text)
    return str(path)


def test_labels_change_the_picks_and_no_earlier_stage(images, tmp_path):
    plain = keys(plan_for(images))
    rows = table(tmp_path, "path,label\nsub/1.png,cat\n")
    first = keys(plan_for(images, labelled=rows))
    assert first.pop("labels")
    changed = {stage for stage in plain if first[stage] != plain[stage]}
    assert changed == {"select"}
    table(tmp_path, "path,label\nsub/1.png,cat\nsub/2.png,cat\n")
    assert keys(plan_for(images, labelled=rows))["select"] != first["select"]


def test_several_tables_of_labels_are_accepted_with_earlier_classes(images, tmp_path):
    first = table(tmp_path, "path,label\nsub/1.png,cat\n")
    second = tmp_path / "second.json"
    second.write_text('[{"path": "sub/2.png", "label": "dog"}]')
    plan = plan_for(images, labelled=[first, str(second)], classes=["ant", "cat"])
    told = own.params(plan)
    assert told["classes"] == ["cat", "dog"]
    assert told["named_classes"] == ["ant", "cat"]


def test_label_may_name_its_file_by_an_absolute_path(images, tmp_path):
    rows = f"path,label\n{images / 'sub/1.png'},cat\n./sub/3.png,dog\n"
    scan = plan_for(images, labelled=table(tmp_path, rows)).data.dataset("own-labelled")
    assert scan.labels.numbers == [UNLABELLED, 0, UNLABELLED, 1, *[UNLABELLED] * 2]


def test_an_npz_file_is_ranked_without_its_labels(tmp_path):
    arrays = np.zeros((8, 5, 5, 3), np.uint8)
    np.savez(tmp_path / "set.npz", images=arrays, labels=np.arange(8) % 2)
    plan = plan_for("set.npz")
    assert set(keys(plan)) == {"images", "pool", "pretrain", "embed", "select"}
    assert plan.data.dataset("own").classes == []
    assert not any("label-studio" in file for file in own.texts(plan.config))


def test_image_size_is_that_of_the_encoder_and_the_scale_unless_set(images):
    def shape(**settings):
        return plan_for(images, **settings).data.dataset("own").shape

    assert shape(encoder="byol-own") == [32, 32, 3]
    assert shape(encoder="byol-own", scale="paper") == [96, 96, 3]
    pretrained = plan_for(images, scale="paper").recipes.get("encoders", "efficientnet-lite0")
    assert shape(scale="paper") == [pretrained.size, pretrained.size, 3]
    assert plan_for(images, image_size=48).data.dataset("own").shape == [48, 48, 3]


def test_given_embeddings_take_the_place_of_an_encoder(images, tmp_path):
    vectors = tmp_path / "vectors.csv"
    vectors.write_text("path,x\n" + "".join(f"sub/{i}.png,{i}\n" for i in range(6)))
    plan = plan_for(images, embeddings=str(vectors))
    first = keys(plan)
    assert set(first) == {"images", "pool", "embed", "select"}
    assert plan.data.dataset("own").shape == [96, 96, 3]
    waited = own.inputs(plan)
    assert any("results/embeddings/own/own/" in path for path in waited)
    assert own.params(plan)["encoder"] == str(vectors)
    assert own.needs(plan).megabytes > 0
    moved = tmp_path / "moved.csv"
    vectors.rename(moved)
    assert keys(plan_for(images, embeddings=str(moved))) == first
    moved.write_text(moved.read_text().replace(",5", ",6"))
    assert keys(plan_for(images, embeddings=str(moved)))["embed"] != first["embed"]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("gone.npy", "embeddings: there is no file "),
        ("vectors.txt", "should be a .npy, .npz, .parquet or .csv file"),
    ],
)
def test_wrong_file_of_embeddings_is_refused(images, tmp_path, name, said):
    (tmp_path / "vectors.txt").touch()
    with pytest.raises(ColdstartError, match=said):
        plan_for(images, embeddings=str(tmp_path / name))


def test_given_embeddings_cannot_be_trained_on(images, tmp_path):
    np.savez(tmp_path / "v.npz", embeddings=np.zeros((6, 2)), paths=np.array(["sub/0.png"] * 6))
    plan = plan_for(images, embeddings=str(tmp_path / "v.npz"))
    with pytest.raises(ColdstartError, match="has no network that could be trained on, scored"):
        plan.encoders.checkpoint("own", "own", 0)


def rows(images, *classes):
    return "path,label\n" + "".join(f"sub/{i}.png,{name}\n" for i, name in enumerate(classes))


def test_labels_of_two_classes_bring_predictions_and_samplers_that_ask(images, tmp_path):
    labelled = table(tmp_path, rows(images, "cat", "dog"))
    plan = plan_for(images, labelled=labelled, sampler="min-margin", budget=2)
    found = keys(plan)
    assert {"learn", "predict", "select"} <= set(found)
    assert own.params(plan)["keys"]["predictions"] == found["predict"]
    table(tmp_path, rows(images, "cat", "dog", "dog"))
    again = keys(plan_for(images, labelled=labelled, sampler="min-margin", budget=2))
    assert {name for name in found if again[name] != found[name]} == {
        "labels",
        "learn",
        "predict",
        "select",
    }


def test_labels_of_one_class_are_ranked_from_without_a_classifier(images, tmp_path):
    plan = plan_for(images, labelled=table(tmp_path, rows(images, "cat", "cat")), budget=2)
    assert "predictions" not in own.params(plan)["keys"]
    assert any("label-growth" in path for path in own.inputs(plan))
    asked = refusal(images, labelled=plan.config.labelled[0], sampler="min-margin", budget=2)
    assert "two classes or more apart, and the labels name 1" in asked


def test_exports_write_their_own_files_alone(images):
    plain = {path.rpartition("/")[2] for path in own.texts(plan_for(images).config)}
    assert plain == {"ranking.csv", "skipped.csv", "label-studio.json", "label-studio.xml"}
    both = own.texts(plan_for(images, export=["cvat", "copies"]).config)
    assert {path.rpartition("/")[2] for path in both} == {
        "ranking.csv",
        "skipped.csv",
        "cvat-files.txt",
        "cvat-labels.json",
        "picks.csv",
    }


def refusal(images, **settings):
    with pytest.raises(ColdstartError) as error:
        own.inputs(plan_for(images, **settings))
    return str(error.value)


def test_ranking_without_a_folder_names_the_setting():
    with pytest.raises(ColdstartError, match="--config images=/path/to/folder"):
        own.inputs(plan_for("", studies=[]))


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"sampler": "k-center"}, "sampler: no `k-center`"),
        ({"sampler": "max-entropy"}, "asks a classifier, which is trained on labels"),
        ({"export": ["folder", "copies"]}, "have one folder: name one"),
        ({"export": "via"}, "export"),
        (
            {"encoder": "byol-owm"},
            "encoder: no `byol-owm` in encoders.yaml; did you mean `byol-own`",
        ),
        ({"encoder": "pca-512", "sampler": "loss-mean"}, "`loss-mean` reads a model's scores"),
        ({"budget": 0}, "budget: should be greater than or equal to 1"),
        ({"budget": "many"}, "budget"),
        ({"labelled": "labels.ods"}, "labelled: should be a .csv, .tsv, .txt, .json or .xml file"),
        ({"levels": [4, 1]}, "levels: should be `measured` or two numbers"),
        ({"classes": ["a\x07"]}, "classes.0: should be a name of characters that can be shown"),
        ({"labelled": "labels.csv"}, "labels.csv cannot be read: No such file"),
    ],
)
def test_mistakes_in_the_settings_are_reported(images, settings, expected):
    assert expected in refusal(images, **settings)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ("path,label\nsub/9.png,cat\n", "line 2: sub/9.png is not among the images"),
        ("file,label\nsub/1.png,cat\n", "has no column `path`"),
        ("path,class\nsub/1.png,cat\n", "has no column `label`"),
        ("path,label\nsub/1.png,cat\n./sub/1.png,dog\n", "1 image has two labels"),
        ("path,label\n" + "".join(f"sub/{n}.png,x\n" for n in range(6)), "every image in"),
    ],
)
def test_mistakes_in_the_labels_are_reported(images, tmp_path, rows, expected):
    assert expected in refusal(images, labelled=table(tmp_path, rows))


def test_empty_table_of_labels_is_accepted(images, tmp_path):
    plan = plan_for(images, labelled=table(tmp_path, "path,label\n"))
    assert own.inputs(plan)
    assert own.params(plan)["classes"] == []


@pytest.mark.parametrize("written", ["../images", "../clone/../images", "../images/."])
def test_different_spellings_of_a_path_give_one_name(images, tmp_path, monkeypatch, written):
    (tmp_path / "clone").mkdir()
    monkeypatch.chdir(tmp_path / "clone")
    plan = plan_for(written)
    own.inputs(plan)
    assert own.params(plan)["images"] == str(images)


def test_parent_folder_is_named_and_excludes_the_results(images, monkeypatch):
    clone = images / "clone"
    (clone / "results").mkdir(parents=True)
    Image.new("L", (9, 7)).save(clone / "results/figure.png")
    monkeypatch.chdir(clone)
    plan = plan_for("..")
    own.inputs(plan)
    assert own.params(plan)["images"] == str(images)
    assert plan.data.facts("own").sizes["candidates"] == 6


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("/", "images: / is everything: name a folder below it"),
        ("s3://bucket/images", "images: s3://bucket/images is an address: fetch the images"),
        ("line\nbreak", "has a character that cannot be shown"),
        ("caf\udce9", "or a name that is not UTF-8: rename the folder"),
    ],
)
def test_folders_with_unusable_names_are_refused(tmp_path, written, expected):
    if "://" not in written:
        (tmp_path / written).mkdir(exist_ok=True)
    assert expected in refusal(written)


def test_folder_among_the_outputs_is_refused(images, tmp_path):
    (tmp_path / "results/ranking").mkdir(parents=True)
    (tmp_path / "results/ranking/labels.csv").write_text("path,label\nsub/1.png,cat\n")
    (tmp_path / "linked.csv").symlink_to("results/ranking/labels.csv")
    for name in ("results/ranking/labels.csv", "linked.csv"):
        said = refusal(images, labelled=name)
        assert f"labelled: {tmp_path / name} lies in results/, where runs write" in said
        assert "--config labelled=my-labels.csv" in said
    assert "images: " in refusal("results/ranking")


def test_missing_folder_or_folder_without_images_is_refused(tmp_path):
    assert f"images: there is no {tmp_path / 'nothing'}" in refusal("nothing")
    (tmp_path / "a.jpg").touch()
    assert "name the folder that it is in" in refusal("a.jpg")
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty/notes.txt").touch()
    assert "There are no images in" in refusal("empty")
    (tmp_path / "set.npz").touch()
    assert "damaged, or no .npz file" in refusal("set.npz")
    assert "pool `own` has 1 image" in refusal(paint(tmp_path / "one", 1))
    np.savez(tmp_path / "set.npz", images=np.zeros((8, 5, 5), np.uint8))
    assert "leave out what has a label" in refusal("set.npz", labelled="labels.csv")
