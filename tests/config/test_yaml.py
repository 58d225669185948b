import pytest

from coldstart.common.errors import ColdstartError
from coldstart.config.loading.yaml import (
    SAFE,
    _FastLoader,
    _load,
    _Loader,
    _most_levels,
    read_yaml,
)
from tests.helpers.trees import ROOT


def read(tmp_path, text):
    path = tmp_path / "recipes.yaml"
    path.write_text(text)
    return read_yaml(path)


@pytest.mark.parametrize("text", ["1e-3", "1E3", "5e+2", "-2.5e4"])
def test_number_that_yaml_reads_as_text_is_refused(tmp_path, text):
    with pytest.raises(ColdstartError) as error:
        read(tmp_path, f"a: 1\nlr: {text}\n")
    assert "recipes.yaml, line 2" in str(error.value)
    assert repr(float(text)) in str(error.value)


def test_spelling_proposed_by_the_message_is_read_as_the_number(tmp_path):
    with pytest.raises(ColdstartError, match=r"1\.0e-3"):
        read(tmp_path, "lr: 1e-3\n")
    assert read(tmp_path, "lr: 1.0e-3\n") == {"lr": 0.001}


@pytest.mark.parametrize("text", ['"1e-3"', "v1e-3", "1e"])
def test_text_that_only_looks_like_a_number_stays_text(tmp_path, text):
    assert read(tmp_path, f"name: {text}\n") == {"name": text.strip('"')}


def test_duplicate_key_is_refused_with_both_line_numbers(tmp_path):
    with pytest.raises(ColdstartError, match=r"line 3: key `a` stands twice \(first in line 1\)"):
        read(tmp_path, "a: 1\nb: 2\na: 3\n")


def test_nested_duplicate_key_is_refused(tmp_path):
    with pytest.raises(ColdstartError, match="line 3: key `x`"):
        read(tmp_path, "a:\n  - {x: 1}\n  - {x: 1, x: 2}\n")


def test_of_merged_mappings_the_first_wins_and_own_keys_before_all(tmp_path):
    text = """
first: &first {name: 1, other: 1, own: 1}
second: &second {name: 2, more: 2}
both: {<<: [*first, *second], own: 0}
chain: {own: -1, <<: [{more: 3}, *second, *first]}
"""
    content = read(tmp_path, text)
    assert content["both"] == {"name": 1, "other": 1, "own": 0, "more": 2}
    assert content["chain"] == {"name": 2, "other": 1, "own": -1, "more": 3}


@pytest.mark.parametrize("merged", ["3", "[*first, 3]"])
def test_merge_of_what_is_no_mapping_is_refused(tmp_path, merged):
    with pytest.raises(ColdstartError, match=r"line 2: `<<` takes a mapping"):
        read(tmp_path, f"first: &first {{a: 1}}\nb: {{<<: {merged}}}\n")


@pytest.mark.parametrize("key", ["[1]", "{a: 1}"])
def test_key_that_is_no_name_is_refused_in_a_merged_mapping_too(tmp_path, key):
    with pytest.raises(ColdstartError, match="line 1"):
        read(tmp_path, f"b: {{<<: {{? {key} : 1}}}}\n")


def test_merge_keys_are_no_duplicates(tmp_path):
    text = "a: &a {x: 1, y: 2}\nb:\n  <<: *a\n  y: 3\n"
    assert read(tmp_path, text)["b"] == {"x": 1, "y": 3}


@pytest.mark.parametrize(
    ("text", "message"),
    [("a: [1\n", "not YAML"), ("- 1\n", "not a mapping"), ("a: !!x 1\n", "YAML")],
)
def test_file_without_a_mapping_is_refused(tmp_path, text, message):
    with pytest.raises(ColdstartError, match=message):
        read(tmp_path, text)


BOMB = "a: &a [1]\n" + "".join(
    f"{chr(98 + n)}: &{chr(98 + n)} [{', '.join(['*' + chr(97 + n)] * 9)}]\n" for n in range(9)
)

BROKEN = {
    "Latin-1": ("name: Zoë\n".encode("latin-1"), ["line 1", "not UTF-8", "save"]),
    "UTF-16": ("name: a\n".encode("utf-16"), ["line 1", "not UTF-8"]),
    "control character": (b"a: 1\nname: a\x07b\n", ["line 2", "'\\x07'"]),
    "date that is none": (b"a: 1\nb: 2024-13-45\n", ["line 2", "`2024-13-45`", "quotes"]),
    "list as a key": (b"? [a]\n: 1\n", ["line 1", "a key is a name"]),
    "mapping as a key": (b"{ {a: 1}: 2 }\n", ["line 1", "a key is a name"]),
    "tag that does not fit": (b"a: !!int abc\n", ["line 1", "`abc`"]),
    "unknown tag": (b"a: !thing abc\n", ["line 1", "not YAML"]),
    "deep nesting": (b"a: " + b"[" * 60 + b"]" * 60, ["line 1", "nested deeper than 50"]),
    "endless nesting": (b"a: " + b"[" * 100_000, ["nested deeper than 50"]),
    "many digits": (b"a: " + b"1" * 5000, ["line 1", "111...` cannot be read"]),
    "alias bomb": (BOMB.encode(), ["stands for more than 200000 values", "aliases"]),
    "alias of itself": (b"a: &a [*a]\n", ["line 1", "refers to what it is in"]),
    "large file": (b"# " + b"x" * 6_000_000, ["6000002 bytes"]),
    "two documents": (b"a: 1\n---\nb: 2\n", ["not YAML"]),
}


@pytest.mark.parametrize("broken", BROKEN)
def test_broken_file_is_named_with_line_and_cause(tmp_path, broken):
    content, expected = BROKEN[broken]
    path = tmp_path / "recipes.yaml"
    path.write_bytes(content)
    with pytest.raises(ColdstartError) as error:
        read_yaml(path)
    for part in [str(path), *expected]:
        assert part in str(error.value)


def test_byte_order_mark_is_ignored(tmp_path):
    (tmp_path / "a.yaml").write_bytes(b"\xef\xbb\xbfname: a\n")
    assert read_yaml(tmp_path / "a.yaml") == {"name": "a"}


def test_missing_file_is_reported(tmp_path):
    with pytest.raises(ColdstartError, match="nowhere"):
        read_yaml(tmp_path / "nowhere.yaml")


def test_yaml_cannot_run_code(tmp_path):
    with pytest.raises(ColdstartError):
        read(tmp_path, "a: !!python/object/apply:os.system ['true']\n")


DEEP = {
    "brackets": "[" * 100_000,
    "brackets that comments close": "[ #]\n" * 100_000,
    "indicators": "- " * 100_000,
    "indicators and tabs": "-\t" * 100_000,
    "blanks": "".join(" " * level + "- a:\n" for level in range(1500)),
}


@pytest.mark.parametrize("text", DEEP.values(), ids=DEEP)
def test_deep_nesting_is_refused_and_crashes_nothing(tmp_path, text):
    with pytest.raises(ColdstartError):
        read(tmp_path, f"a: {text}" if text[0] in "[" else text)


@pytest.mark.parametrize("nested", [lambda n: "[" * n, lambda n: "- " * n, lambda n: "? " * n])
def test_levels_are_not_underestimated(nested):
    assert _most_levels(nested(1700)) >= 1700


@pytest.mark.parametrize("path", sorted((ROOT / "workflow").glob("*/*.yaml")), ids=lambda p: p.stem)
def test_both_loaders_read_the_same(path):
    text = path.read_text()
    assert _most_levels(text) < SAFE
    assert _load(_FastLoader(text)) == _load(_Loader(text))
