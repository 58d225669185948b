"""Settings from the command line are what was typed, whatever Snakemake makes of them."""

import pytest
from snakemake.cli import parse_config

from coldstart.common.paths import expand
from coldstart.config.loading.given import as_typed


@pytest.mark.parametrize(
    "typed",
    [
        "/x/set #1", "/x/a: b", "2024", "0012", "1e3", "true", "null", "~", "/x/two  spaces",
        "[brackets]", "{braces}", "/x/it's", '/x/say "a"', "- a", "&a", "*a", "!a", "%a", "@a",
        "/x/$HOME", "/x/line\nbreak", " leading", "trailing ", "a=b", "a#b", "é", "", "'", "NaN",
    ],
)  # fmt: skip
def test_path_is_kept_as_typed(typed):
    argument = f"images={typed}"
    assert as_typed(parse_config([argument]), [argument])["images"] == typed


@pytest.mark.parametrize(("typed", "meant"), [("'a #b'", "a #b"), ('"2024"', "2024")])
def test_quotes_around_a_value_are_removed(typed, meant):
    argument = f"images={typed}"
    assert as_typed(parse_config([argument]), [argument])["images"] == meant


def test_lists_and_numbers_are_read_as_yaml():
    arguments = ["store=[a, b]", "studies=2024", "budget=7", "download=true"]
    found = as_typed(parse_config(arguments), arguments)
    assert found == {"store": ["a", "b"], "studies": "2024", "budget": 7, "download": "true"}


def test_other_settings_are_unchanged():
    assert as_typed({"images": "x", "scale": "cpu"}, []) == {"images": "x", "scale": "cpu"}


def test_existing_path_with_a_dollar_is_literal(tmp_path, monkeypatch):
    monkeypatch.setenv("NAME", "elsewhere")
    assert expand("$NAME", tmp_path) == tmp_path / "elsewhere"
    (tmp_path / "$NAME").mkdir()
    assert expand("$NAME", tmp_path) == tmp_path / "$NAME"


def test_tilde_becomes_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert expand("~/images") == tmp_path / "images"
