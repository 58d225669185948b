import json
from pathlib import Path
from urllib.parse import parse_qs, urlsplit
from xml.etree import ElementTree

import pandas as pd

from coldstart.ranking.label_studio import interface, not_shown, tasks

IMAGES = Path("/data/my images & more")
PATHS = ["a/ü b.jpg", "50%+#1?.png", "c.jpg"]


def ranked():
    return pd.DataFrame(
        {
            "rank": pd.array([1, 2, None], dtype="Int64"),
            "path": PATHS,
            "score": [float("inf"), 0.5, float("nan")],
            "cluster": [3, 1, 2],
        }
    )


def test_each_unlabelled_image_has_a_task_in_order():
    found = [task["data"] for task in json.loads(tasks(ranked(), IMAGES))]
    assert [task["path"] for task in found] == PATHS[:2]
    assert [task["rank"] for task in found] == [1, 2]
    assert [task["score"] for task in found] == [None, 0.5]
    assert [task["cluster"] for task in found] == [3, 1]


def test_addresses_of_files_with_unusual_names_work():
    for task, path in zip(json.loads(tasks(ranked(), IMAGES)), PATHS, strict=False):
        address = urlsplit(task["data"]["image"])
        assert address.path == "/data/local-files/"
        # As the server does it: below the root, which is the folder above the images.
        assert IMAGES.parent / parse_qs(address.query)["d"][0] == IMAGES / path
        assert not address.fragment


def choices(text):
    root = ElementTree.fromstring(text)
    assert root.find("Image").get("value") == "$image"
    assert root.find("Choices").get("toName") == root.find("Image").get("name")
    return [choice.get("value") for choice in root.find("Choices")]


def test_formats_that_browsers_do_not_show_are_counted():
    paths = ["a.tif", "b.TIFF", "c.jp2", "d.png", "e.JPG", "f.webp", "g.tif"]
    ranks = pd.array([1, 2, 3, 4, 5, 6, None], dtype="Int64")
    found = not_shown(pd.DataFrame({"path": paths, "rank": ranks}))
    assert found == {"TIFF": 2, "JPEG2000": 1}


def test_the_interface_has_a_choice_for_each_class():
    names = ["cat", 'a "big" <dog>', "ü & ö"]
    assert choices(interface(names)) == names
    assert len(choices(interface([]))) == 2
