"""Mistakes of users: each gives a message before any job starts, and no stack trace."""

import pytest

FIGURE = "results/figures/quickstart/accuracy-vs-labels.svg"


def refused(clone, *args, **kwargs):
    done = clone.snakemake(*args, check=False, **kwargs)
    assert done.returncode != 0
    assert "Traceback" not in done.stdout
    assert "localrule" not in done.stdout
    return done.stdout


@pytest.mark.parametrize(
    ("file", "old", "new", "expected"),
    [
        ("workflow/recipes/encoders.yaml", "target_decay: 0.99", "target_decai: 0.99",
         ["encoders.byol-resnet18.target_decai", "did you mean `target_decay`"]),
        ("workflow/recipes/encoders.yaml", "lr: 0.0003", "lr: 3e-4", ["encoders.yaml, line", "3e"]),
        ("workflow/studies/quickstart.yaml", "encoder: pca-512", "encoder: pca-521",
         ["runs.pca.encoder", "did you mean `pca-512`"]),
        ("config.yaml", "scale: cpu", "scale: cpu\nscale: paper", ["config.yaml, line", "`scale`"]),
    ],
)  # fmt: skip
def test_mistake_in_a_file_is_reported(fresh, file, old, new, expected):
    fresh.edit(file, old, new)
    output = refused(fresh, FIGURE)
    for part in expected:
        assert part in output


def test_misspelt_study_is_reported(fresh):
    output = refused(fresh, config=("studies=byol-sampler",))
    assert "did you mean `byol-samplers`" in output


def test_missing_image_files_are_reported(fresh, tmp_path):
    target = "results/figures/byol-samplers/figure-3c.svg"
    output = refused(fresh, target, config=("scale=cpu", f"data_dir={tmp_path / 'nothing'}"))
    assert "CIFAR-10" in output
    assert str(tmp_path / "nothing" / "cifar-10-batches-py") in output
    assert "data_batch_1" in output
    assert "download=true" in output


def test_read_only_store_is_reported(fresh, tmp_path):
    (tmp_path / "file").touch()
    done = fresh.snakemake(
        "results/data/digits/labels.json", check=False, config=(f"store={tmp_path / 'file'}/store",)
    )
    assert done.returncode != 0
    assert "Traceback" not in done.stdout
    assert str(tmp_path / "file") in done.stdout


def test_the_package_of_another_clone_is_refused(fresh):
    import coldstart

    other = str(__import__("pathlib").Path(coldstart.__file__).parents[1])
    output = refused(fresh, FIGURE, PYTHONPATH=other)
    assert "make setup" in output


def test_snakefile_of_a_clone_in_a_strange_folder_is_refused(clone_at, tmp_path):
    clone = clone_at(tmp_path / "dol$(touch PWNED)lar's")
    output = refused(clone, FIGURE)
    assert "Error: Coldstart cannot work in" in output
    assert not list(tmp_path.rglob("PWNED"))


def test_snakefile_of_another_folder_is_refused(fresh, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    output = refused(fresh, FIGURE, "--directory", str(tmp_path / "elsewhere"))
    assert f"snakemake --directory {fresh.folder}" in output


def test_settings_in_another_encoding_are_reported(fresh):
    (fresh.folder / "config.yaml").write_bytes("images: Zoë\n".encode("latin-1"))
    assert "config.yaml, line 1: is not UTF-8" in refused(fresh, FIGURE)


def test_folder_with_a_strange_name_is_the_one_that_is_ranked(fresh, tmp_path):
    from PIL import Image

    for folder, count in {"set #1 $HOME": 3, "set": 2}.items():
        (tmp_path / folder).mkdir()
        for index in range(count):
            Image.new("RGB", (32, 32), (index, 9, 9)).save(tmp_path / folder / f"{index}.png")
    images = tmp_path / "set #1 $HOME"
    target = "results/data/own/images.json"
    done = fresh.snakemake(target, config=("scale=smoke", f"images={images}"))
    assert "3 images" in done.stdout or "3/3" in done.stdout


def test_empty_settings_are_reported(fresh):
    (fresh.folder / "config.yaml").write_text("# nothing\n")
    assert "config.yaml: has no setting; write one" in refused(fresh, FIGURE)
