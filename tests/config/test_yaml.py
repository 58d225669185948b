import pytest

from coldstart.config.yaml import read_yaml
from coldstart.errors import ColdstartError


def read(tmp_path, text):
    path = tmp_path / "recipes.yaml"
    path.write_text(text)
    return read_yaml(path)


@pytest.mark.parametrize("text", ["1e-3", "1E3", "5e+2", "-2.5e4"])
def test_a_number_that_yaml_takes_for_text_is_refused(tmp_path, text):
    with pytest.raises(ColdstartError) as error:
        read(tmp_path, f"a: 1\nlr: {text}\n")
    assert "recipes.yaml, line 2" in str(error.value)
    assert repr(float(text)) in str(error.value)


def test_the_spelling_that_the_message_proposes_is_read_as_that_number(tmp_path):
    with pytest.raises(ColdstartError, match=r"1\.0e-3"):
        read(tmp_path, "lr: 1e-3\n")
    assert read(tmp_path, "lr: 1.0e-3\n") == {"lr": 0.001}


@pytest.mark.parametrize("text", ['"1e-3"', "v1e-3", "1e"])
def test_text_that_only_looks_like_a_number_stays_text(tmp_path, text):
    assert read(tmp_path, f"name: {text}\n") == {"name": text.strip('"')}


def test_a_key_that_stands_twice_is_refused_with_both_lines(tmp_path):
    with pytest.raises(ColdstartError, match=r"line 3: key `a` stands twice \(first in line 1\)"):
        read(tmp_path, "a: 1\nb: 2\na: 3\n")


def test_a_key_that_stands_twice_deep_down_is_refused(tmp_path):
    with pytest.raises(ColdstartError, match="line 3: key `x`"):
        read(tmp_path, "a:\n  - {x: 1}\n  - {x: 1, x: 2}\n")


def test_merge_keys_are_no_duplicates(tmp_path):
    text = "a: &a {x: 1, y: 2}\nb:\n  <<: *a\n  y: 3\n"
    assert read(tmp_path, text)["b"] == {"x": 1, "y": 3}


@pytest.mark.parametrize(
    ("text", "message"),
    [("a: [1\n", "not YAML"), ("- 1\n", "not a mapping"), ("a: !!x 1\n", "YAML")],
)
def test_what_is_no_mapping_is_named(tmp_path, text, message):
    with pytest.raises(ColdstartError, match=message):
        read(tmp_path, text)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ColdstartError, match="nowhere"):
        read_yaml(tmp_path / "nowhere.yaml")


def test_yaml_cannot_run_code(tmp_path):
    with pytest.raises(ColdstartError):
        read(tmp_path, "a: !!python/object/apply:os.system ['true']\n")
