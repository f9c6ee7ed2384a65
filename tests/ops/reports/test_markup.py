"""Whatever is text stays text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.reports.markup import Raw, clean, el, number
from tests.ops.reports.telling import tree


@given(st.text(), st.text())
def test_any_text_comes_back_as_it_was(content: str, attribute: str) -> None:
    """Names from files cannot become markup: a strict parser reads what was written, odd characters replaced."""
    found = tree(el("p", content, title=attribute))
    shown = "".join("\ufffd" if clean(c) == "\ufffd" else c for c in content).replace("\r\n", "\n").replace("\r", "\n")
    assert "".join(found.itertext()) == shown
    assert set(found.attrib) == {"title"}
    assert len(found) == 0


@pytest.mark.parametrize("evil", ["<script>alert(1)</script>", "a & b", '" onload="x', "]]>", "\x00\x1b[31m", "\udc80"])
def test_known_tricks_are_only_text(evil: str) -> None:
    """Scripts, entities, quotes, terminal codes and half characters neither run nor break the page."""
    node = el("td", evil, title=evil)
    found = tree(node)
    assert list(found) == []
    assert set(found.attrib) == {"title"}
    assert node.render().encode("utf-8")


def test_names_of_attributes() -> None:
    """Python's spelling becomes that of HTML; what has no value is left out."""
    node = el("a", "x", class_="b", data_value="1", stroke_width=1.5, href=None)
    assert node.render() == '<a class="b" data-value="1" stroke-width="1.5">x</a>'


def test_children_are_nested_and_nothing_is_nothing() -> None:
    """Lists are laid flat, none is left out, empty elements have no end, our own text is written as it is."""
    node = el("p", ["a", [el("br"), None]], Raw("<b>c</b>"))
    assert node.render() == "<p>a<br/><b>c</b></p>"


@pytest.mark.parametrize(
    ("value", "text"), [(1, "1"), (100.0, "100"), (1.005, "1"), (-0.001, "0"), (2.5, "2.5"), (-3.256, "-3.26")]
)
def test_numbers_of_drawings_are_short(value: float, text: str) -> None:
    """A hundredth of a pixel is enough, and minus zero is zero."""
    assert number(value) == text


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_what_is_no_number_is_not_drawn(value: float) -> None:
    """A figure with a hole is a bug, and says so."""
    with pytest.raises(ValueError, match="finite"):
        el("circle", cx=value)
