"""The page about agents in any language says what the code does, and shows what `athanor agent new` begins with."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import ops.seats
from contracts.envelope import Envelope
from contracts.identifiers import _NAMESPACE
from ops.seats.conduct import Promise
from tests.ops.seats.page import ENDINGS, PAGE, code

SKELETONS = Path(ops.seats.__file__).parent / "skeletons"


@pytest.mark.parametrize("language", ENDINGS)
def test_the_page_shows_the_programs_that_are_made(language: str) -> None:
    """What a reader copies is what `athanor agent new` writes, character for character."""
    assert code(language) == (SKELETONS / f"review_desk{ENDINGS[language]}").read_text(encoding="utf-8")


def test_the_page_lists_every_promise() -> None:
    """Each promise that is checked stands on the page in the same words, and in the same order."""
    shown = re.findall(r"^- (it .+|all that .+|answers .+|the id .+|killed .+|told .+)$", PAGE, re.MULTILINE)
    assert shown == [promise.value for promise in Promise]


def test_the_page_tells_every_member_of_an_event() -> None:
    """No member of the envelope is left to be read from the source, and the namespace is the one that is used."""
    table = PAGE.partition("## Saying")[2].partition("## Coming")[0]
    told = set(re.findall(r"`([a-z]+)`", table))
    assert set(Envelope.model_fields) <= told
    assert str(_NAMESPACE) in PAGE
