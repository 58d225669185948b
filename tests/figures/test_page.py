import re

import pandas as pd
import pytest

from coldstart.figures.page import ROWS, write_page


@pytest.fixture
def page(tmp_path):
    """The text of a table's page, its head and its rows."""

    def page(table, title="A title"):
        path = tmp_path / "page.html"
        write_page(table, title, path)
        assert [*tmp_path.iterdir()] == [path]
        text = path.read_text()
        head, *rows = (
            re.findall("<t[hd]>(.*?)</t[hd]>", row) for row in re.findall("<tr.*?</tr>", text, re.S)
        )
        return text, head, rows

    return page


def test_page_has_the_rows_of_the_table(page):
    table = pd.DataFrame({"name": ["a", "b"], "mean": [0.123456, float("nan")], "n": [3, 12345]})
    text, head, rows = page(table)
    assert head == ["name", "mean", "n"]
    assert rows == [["a", "0.1235", "3"], ["b", "", "12345"]]
    assert "The first" not in text


def test_text_is_escaped(page):
    long = "a word, " * 50 + "the end"
    text, _, rows = page(pd.DataFrame({"a": ["<b>x</b> & y", long]}), "k < 3 & more")
    assert "<h1>k &lt; 3 &amp; more</h1>" in text
    assert rows == [["&lt;b&gt;x&lt;/b&gt; &amp; y"], [long]]


def test_long_table_is_shortened_with_a_note(page):
    text, _, rows = page(pd.DataFrame({"n": range(ROWS + 1)}))
    assert len(rows) == ROWS
    assert f"The first {ROWS:,} of {ROWS + 1:,} rows." in text
