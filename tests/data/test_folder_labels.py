import pytest
from folders import UNUSED, opened, paint, recipe_of

from coldstart.data.sources import folder
from coldstart.data.sources.scan import export_places, scan_folder
from coldstart.errors import ColdstartError
from coldstart.settings import Settings

pytestmark = pytest.mark.usefixtures("places")


def test_labels_are_the_folders(images):
    source = opened(recipe_of(images, labels="folders"), images=False)
    assert source.parts[0].labels().tolist() == [0, 0, 0, 2, 1, 1]
    assert source.digest().startswith("sha256:")


def test_an_image_outside_of_the_classes_is_an_error(images):
    paint(images / "stray.png", 1)
    with pytest.raises(ColdstartError, match=r"1 paths \(stray\.png\).*labels: none"):
        scan_folder(recipe_of(images, labels="folders"), UNUSED, None)


def test_one_class_is_an_error(tmp_path):
    paint(tmp_path / "images/a.png", 1)
    with pytest.raises(ColdstartError, match=r"has 1 class \(images\)"):
        scan_folder(recipe_of(tmp_path, labels="folders"), UNUSED, None)


def table(root, text, name="labels.csv"):
    (root / name).write_bytes(text.encode() if isinstance(text, str) else text)
    return recipe_of(root, labels=name)


def test_labels_from_a_table(images):
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
    assert opened(recipe, images=False).parts[0].labels().tolist() == [1, -1, 0, -1, -1, -1]


def test_labels_do_not_change_the_images(images):
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
    export_places(scan)
    table(images, "path,label\ncat/b.png,y\ndog/a.PNG,x\n")
    with pytest.raises(ColdstartError, match="not those that were planned with"):
        folder.read(scan.labels_recipe(), Settings())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("path,label\na.png,x\nb.png,y\n", r"names 2 paths \(a\.png, b\.png\) that are not among"),
        (
            "".join(["path,label\n", *(f"{n}.png,x\n" for n in range(9))]),
            r"9 paths .*4\.png, \.\.\.",
        ),
        ("path;label\ncat/b.png;x\n", "has no column `path`"),
        ("path,class\ncat/b.png,x\n", "has no column `label`"),
        ("", "has no column `path`"),
        ("path,label\ncat/b.png,x\n./cat/b.png,x\n", r"cat/b\.png twice, in line 3"),
        ("label,path\nx\n", r"names 1 paths \(\.\)"),
        (b"path,label\ncat/b.png,\xff\n", "not a CSV file in UTF-8"),
        ('path,label\n"cat/b.png,x\n', "not a CSV file in UTF-8"),
    ],
)
def test_mistakes_in_a_table(images, text, message):
    with pytest.raises(ColdstartError, match=message):
        scan_folder(table(images, text), UNUSED, None)


def test_a_table_that_is_not_there(images):
    with pytest.raises(ColdstartError, match=r"labels\.csv cannot be read: No such file"):
        scan_folder(recipe_of(images, labels="labels.csv"), UNUSED, None)
