"""What people type beside measured patterns is understood, or refused with what would do."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ops.given import chosen_axis, chosen_elements, judged_by


def test_elements_may_stand_between_commas_or_spaces() -> None:
    """However they are typed, each counts once."""
    assert chosen_elements(" Ba, Ti O,Ba ") == {"Ba", "Ti", "O"}


@pytest.mark.parametrize(("text", "got"), [("Ba,Xx,Ti", "Xx"), (" , ", "none")])
def test_what_is_no_element_is_named(text: str, got: str) -> None:
    """The message says which word was not understood."""
    with pytest.raises(ValueError, match=rf"Expected symbols of elements such as Ba,Ti,O, got {got}\."):
        chosen_elements(text)


def test_an_axis_is_one_of_those_that_are_known() -> None:
    """None was typed: none is chosen; a wrong one is refused with the known ones beside it."""
    assert (chosen_axis(None), chosen_axis("q")) == (None, "q")
    with pytest.raises(ValueError, match=r"Expected one of .*2theta.* as --axis, got 'inch'\."):
        chosen_axis("inch")


def test_a_standard_that_nobody_knows_is_refused_before_its_scan_is_read(tmp_path: Path) -> None:
    """The known ones are named, though there is no such file either."""
    with pytest.raises(ValueError, match=re.escape("as the name of a standard, got 'NaCl'.")):
        judged_by(tmp_path / "no.xy", "NaCl", None)
