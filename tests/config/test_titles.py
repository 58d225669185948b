"""Titles that would break the report, SVG or HTML."""

import html
import re

import pandas as pd
import pytest

from coldstart.common.errors import ColdstartError
from coldstart.figures.page import write_page
from coldstart.figures.style import new_figure, save, styled

STUDY = "studies/quickstart.yaml"
PLACES = {
    "the study's": ("title",),
    "a run's": ("runs", "byol", "title"),
    "a figure's": ("figures", "average-rank", "title"),
    "a table's": ("tables", "statistics", "title"),
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("text", ["a</script>b", "a</SCRIPT >", "a<!-- b", "bell \x07"])
def test_a_title_that_breaks_the_report_is_refused(tree, place, text):
    tree.change(STUDY, *PLACES[place], to=text)
    with pytest.raises(ColdstartError) as error:
        tree.load(studies="quickstart")
    path = ".".join(PLACES[place])
    assert f"quickstart.yaml: {path}: holds " in str(error.value)
    assert "leave it out" in str(error.value)


@pytest.mark.parametrize(
    "text", ["p < 0.05 & q > 1", 'Ünï — 50 % "of" $x$', "a <b> c", "two\nlines"]
)
def test_other_titles_are_accepted_and_shown_unchanged(tree, tmp_path, text):
    tree.change(STUDY, "figures", "average-rank", "title", to=text)
    tree.load(studies="quickstart")
    write_page(pd.DataFrame({"<i>": ["<b>"]}), text, tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text()
    assert f"<title>{html.escape(text)}</title>" in page
    assert "<b>" not in page.replace(html.escape("<b>"), "")
    with styled():
        save(new_figure(text, 1.0), tmp_path / "figure.svg")
    svg = (tmp_path / "figure.svg").read_text()
    assert not re.search(r"<(b|script)>", svg)
    if "$" in text:
        assert text in svg  # no formula
