import json

import pandas as pd
import pytest

from coldstart.common.errors import ColdstartError
from coldstart.common.spreadsheet import csv_bytes
from coldstart.data.sources import folder
from coldstart.data.sources.scan import scan_folder
from coldstart.data.unclassed import UNLABELLED
from coldstart.running.places import export_places
from coldstart.running.settings import Settings
from tests.helpers.folders import UNUSED, opened, paint, recipe_of

pytestmark = pytest.mark.usefixtures("places")


def test_folders_are_the_classes(images):
    source = opened(recipe_of(images, labels="folders"), images=False)
    assert source.parts[0].labels().tolist() == [0, 0, 0, 2, 1, 1]
    assert source.digest().startswith("sha256:")


def test_image_outside_of_the_class_folders_is_an_error(images):
    paint(images / "stray.png", 1)
    with pytest.raises(ColdstartError, match=r"1 path \(stray\.png\) lie.*labels: none"):
        scan_folder(recipe_of(images, labels="folders"), UNUSED, None)


def test_single_class_is_an_error(tmp_path):
    paint(tmp_path / "images/a.png", 1)
    with pytest.raises(ColdstartError, match=r"has 1 class \(images\)"):
        scan_folder(recipe_of(tmp_path, labels="folders"), UNUSED, None)


def table(root, text, name="labels.csv"):
    (root / name).write_bytes(text.encode() if isinstance(text, str) else text)
    return recipe_of(root, labels=name)


def test_labels_are_read_from_a_table(images):
    rows = [
        "\ufefflabel,note,path",
        "zebra,,cat/a b.jpg",
        "ape,,./cat/deep/er/ü.webp",
        ",,dog/a.bmp",
    ]
    recipe = table(images, "\r\n".join(rows))
    scan = scan_folder(recipe, UNUSED, None)
    assert scan.classes == ["ape", "zebra"]
    assert scan.parts == {"all": [1, 1]}
    assert scan.unlabelled == 4
    assert opened(recipe, images=False).parts[0].labels().tolist() == [
        1,
        UNLABELLED,
        0,
        *[UNLABELLED] * 3,
    ]


def test_labels_do_not_change_the_recipe_of_the_images(images):
    text = "path,label\ncat/b.png,x\ndog/a.PNG,y\n"
    first = scan_folder(table(images, text), UNUSED, None)
    second = scan_folder(table(images, text.replace("x", "z")), UNUSED, None)
    assert first.images_recipe() == second.images_recipe()
    assert first.labels_recipe() != second.labels_recipe()
    renamed = scan_folder(table(images, text, "other.csv"), UNUSED, None)
    assert renamed.labels_recipe() == first.labels_recipe()


def test_labels_that_changed_since_the_plan_are_refused(images):
    recipe = table(images, "path,label\ncat/b.png,x\ndog/a.PNG,y\n")
    scan = scan_folder(recipe, UNUSED, None)
    export_places(scan.places)
    table(images, "path,label\ncat/b.png,y\ndog/a.PNG,x\n")
    with pytest.raises(ColdstartError, match="not those that were planned with"):
        folder.read(scan.labels_recipe(), Settings())


def numbers(recipe):
    return scan_folder(recipe, UNUSED, None).labels.numbers


FIRST_TWO = [0, 1, *[UNLABELLED] * 4]
PLAIN = "path,label\ncat/a b.jpg,x\ncat/b.png,y\n"


@pytest.mark.parametrize(
    "text",
    [
        PLAIN,
        PLAIN.replace(",", ";"),
        PLAIN.replace(",", "\t"),
        PLAIN.replace("path,label", "Path, LABEL "),
        "sep=;\r\n" + PLAIN.replace(",", ";"),
        PLAIN + ",\n,,\n\n  ,  \n",
        PLAIN.replace(",x", ", x ").replace("cat/b", " cat/b"),
        PLAIN.replace("cat/", "cat\\"),
        PLAIN + "cat/b.png,y\ncat/a b.jpg,\n",
        PLAIN.replace("\n", "\r"),
        PLAIN.encode("utf-16"),
        PLAIN.encode("utf-16-le"),
        PLAIN.encode("utf-16-be"),
        "\ufeff" + PLAIN,
        PLAIN.replace("cat/a b.jpg", "./cat/a b.jpg"),
        "id,path,annotator,label\n1,cat/a b.jpg,2,x\n2,cat/b.png,1,y\n",
        "image,label\n/data/local-files/?d=set/cat/a%20b.jpg,x\n/data/local-files/?d=set/cat/b.png,y",
        '"image"\t"path"\t"label"\n"/x"\t"cat/a b.jpg"\t"x"\n"/x"\t"cat/b.png"\t"y"\n',
        "rank,path,by,given_label,label\n,cat/a b.jpg,labelled,x,\n1,cat/b.png,distance,,y\n",
        'path,label\ncat/a b.jpg,"{""choices"": [""x""]}"\ncat/b.png,y\n',
    ],
)
def test_tables_of_common_spreadsheets_are_read(images, text):
    assert numbers(table(images, text)) == FIRST_TWO


def annotation(*choices, **more):
    result = [{"type": "choices", "from_name": "label", "value": {"choices": list(choices)}}]
    return {"result": result if choices else [], **more}


JSON = [
    {"id": 7, "data": {"path": "cat/a b.jpg"}, "annotations": [annotation("x"), annotation("x")]},
    {"id": 8, "data": {"path": "cat/b.png"}, "annotations": [annotation(), annotation("y")]},
    {"id": 9, "data": {"path": "dog/a.PNG"}, "annotations": [annotation("z", was_cancelled=True)]},
    {"id": 10, "data": {"path": "dog/a.bmp"}, "annotations": []},
]
JSON_MIN = [
    {"id": 7, "path": "cat/a b.jpg", "label": "x"},
    {"id": 8, "path": "cat/b.png", "label": {"choices": ["y"]}},
    {"id": 9, "path": "dog/a.PNG"},
]


@pytest.mark.parametrize("tasks", [JSON, JSON_MIN])
def test_json_export_of_label_studio_is_read(images, tasks):
    assert numbers(table(images, json.dumps(tasks), "export.JSON")) == FIRST_TWO


CVAT = """<?xml version="1.0" encoding="utf-8"?>
<annotations><version>1.1</version>
<image id="0" name="cat/a b.jpg" width="9" height="9"><tag label="x" source="manual"/></image>
<image id="1" name="{folder}/cat/b.png"><tag label="y"><attribute name="sure">no</attribute></tag>
<box label="z" xtl="1"/></image>
<image id="2" name="dog/a.PNG"></image>
</annotations>"""


def test_xml_export_of_cvat_is_read(images):
    recipe = table(images, CVAT.format(folder=images.name), "annotations.xml")
    assert numbers(recipe) == FIRST_TWO


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("<annotations>", "is no XML"),
        ("<annotations/>", "has no images"),
        ('<!DOCTYPE a [<!ENTITY b "c">]><annotations>&b;</annotations>', "DOCTYPE"),
        (CVAT.replace("<box", '<tag label="x"/><box'), "1 image has two labels"),
    ],
)
def test_wrong_xml_is_refused(images, text, said):
    recipe = table(images, text.format(folder=images.name), "annotations.xml")
    with pytest.raises(ColdstartError, match=said):
        scan_folder(recipe, UNUSED, None)


@pytest.mark.parametrize("name", ["a.CSV", "a.tsv", "a.txt"])
def test_tables_are_recognised_by_their_endings(images, name):
    assert numbers(table(images, PLAIN, name)) == FIRST_TWO


def test_several_tables_are_joined(images):
    table(images, "path,label\ncat/a b.jpg,x\n", "first.csv")
    table(images, json.dumps(JSON[:2]), "second.json")
    assert numbers(recipe_of(images, labels=["first.csv", "second.json"])) == FIRST_TWO
    source = opened(recipe_of(images, labels=["first.csv", "second.json"]), images=False)
    assert source.parts[0].labels().tolist() == FIRST_TWO


def test_composed_and_decomposed_names_are_the_same(tmp_path):
    decomposed, composed = "e\u0301.png", "\u00e9.png"
    paint(tmp_path / decomposed, 1)
    paint(tmp_path / "other.png", 2)
    text = f"path,label\n{composed},Tie\u0301\nother.png,Ti\u00e9\n"
    scan = scan_folder(table(tmp_path, text), UNUSED, None)
    assert scan.classes == ["Ti\u00e9"]
    assert scan.unlabelled == 0
    paint(tmp_path / composed, 3)  # now both are there, and each is meant by its own name
    scan = scan_folder(table(tmp_path, f"path,label\n{composed},x\n"), UNUSED, None)
    assert [scan.files[at].path for at, n in enumerate(scan.labels.numbers) if n == 0] == [composed]


def test_escaped_formulas_are_read_as_file_names(tmp_path):
    for name in ("=1.png", "-x.png", "b.png"):
        paint(tmp_path / name, 1)
    labels = ["=sum", "-1", "'quoted'"]
    written = csv_bytes(pd.DataFrame({"path": ["=1.png", "-x.png", "b.png"], "label": labels}))
    scan = scan_folder(table(tmp_path, written), UNUSED, None)
    found = {
        file.path: scan.classes[n] for file, n in zip(scan.files, scan.labels.numbers, strict=True)
    }
    assert found == {"=1.png": "=sum", "-x.png": "-1", "b.png": "'quoted'"}


def test_conflicting_labels_are_reported_with_their_lines(images):
    table(images, "path,label\ncat/b.png,x\n\ncat/b.png,y\n", "first.csv")
    table(images, PLAIN.replace("y", "x"), "second.csv")
    with pytest.raises(ColdstartError) as error:
        scan_folder(recipe_of(images, labels=["first.csv", "second.csv"]), UNUSED, None)
    first = images / "first.csv"
    assert str(error.value).startswith(
        "1 image has two labels:\n"
        f"  cat/b.png: x ({first}, line 2), y ({first}, line 4)\n  remedy: leave one row"
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "path,label\n\na.png,x\nb.png,y\n",
            r"labels\.csv, line 3: a\.png is not among .*, and 1 more names none \(b\.png\)\.",
        ),
        (
            "".join(["path,label\n", *(f"{n}.png,x\n" for n in range(9))]),
            r"8 more name none .*5\.png, \.\.\.",
        ),
        ("path,label\nCat/B.png,x\n", r"There is cat/b\.png: upper and lower case differ"),
        ("path,class\ncat/b.png,x\n", r"has no column `label`.* It has `path`, `class`"),
        ("file;label\ncat/b.png;x\n", r"has no column `path`.* It has `file`, `label`"),
        ("path,label,Label\ncat/b.png,x,\n", "has two columns `label`"),
        ("", r"has no column `path`.* It has none"),
        ("label,path\nx\n", r"labels\.csv, line 2 has the label 'x' and no path"),
        ("path,label\ncat/b.png,dog, big\n", r"line 2 has 3 cells, but the first line 2: put"),
        (b"path,label\n\ncat/b.png,\xfc\n", r"not in UTF-8 \(byte 0xfc in line 3\): save"),
        ('path,label\n"cat/b.png,x\n', r"line 2 cannot be read as a table"),
        ("path,label\ncat/b.png,a\x07b\n", r"class 'a\\x07b' has the character U\+0007"),
        ('path,label\ncat/b.png,"{""choices"": [""x"",""y""]}"\n', "line 2 has several labels"),
    ],
)
def test_mistakes_in_a_table_are_reported(images, text, message):
    with pytest.raises(ColdstartError, match=message):
        scan_folder(table(images, text), UNUSED, None)


@pytest.mark.parametrize(
    ("tasks", "message"),
    [
        ("{", r"export\.json is no JSON"),
        ("[" * 100_000, r"export\.json is no JSON"),
        ("{}", "is no list of tasks"),
        ("[3]", "is no list of tasks"),
        ('[{"id": 5, "label": "x"}]', "task 5 has no `path`"),
        ('[{"path": "cat/b.png", "label": 3}]', "task 1 has a label that is no text: 3"),
        ('[{"path": "cat/b.png", "label": {"choices": ["x", "y"]}}]', "task 1 has several labels"),
        ('[{"data": {"path": "cat/b.png"}, "annotations": 3}]', "no list of annotations"),
    ],
)
def test_mistakes_in_json_are_reported(images, tasks, message):
    with pytest.raises(ColdstartError, match=message):
        scan_folder(table(images, tasks, "export.json"), UNUSED, None)


def test_annotators_who_disagree_are_reported(images):
    tasks = [
        {"id": 3, "data": {"path": "cat/b.png"}, "annotations": [annotation("x"), annotation("y")]}
    ]
    with pytest.raises(ColdstartError, match=r"cat/b\.png: x \(.*, task 3\), y \(.*, task 3\)"):
        scan_folder(table(images, json.dumps(tasks), "export.json"), UNUSED, None)


def test_folders_named_train_and_test_are_no_classes(tmp_path):
    for name in ("train/cat/a.png", "Test/cat/b.png"):
        paint(tmp_path / name, 1)
    with pytest.raises(ColdstartError, match=r"are Test and train: parts of a set.*docs/data\.md"):
        scan_folder(recipe_of(tmp_path, labels="folders"), UNUSED, None)
    paint(tmp_path / "cat/c.png", 1)
    scan_folder(recipe_of(tmp_path, labels="folders"), UNUSED, None)


def test_a_folder_whose_name_cannot_be_shown_is_no_class(tmp_path):
    for name in ("a\x07/a.png", "b/b.png"):
        paint(tmp_path / name, 1)
    with pytest.raises(ColdstartError, match=r"class 'a\\x07' has the character U\+0007"):
        scan_folder(recipe_of(tmp_path, labels="folders"), UNUSED, None)


def test_missing_table_is_reported(images):
    with pytest.raises(ColdstartError, match=r"labels\.csv cannot be read: No such file"):
        scan_folder(recipe_of(images, labels="labels.csv"), UNUSED, None)
