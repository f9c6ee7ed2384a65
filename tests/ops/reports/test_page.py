"""The whole page: one file, well-formed, that says everything and asks nobody."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from bus.blobs import MemoryBlobs
from ops.reports.evidence import Evidence
from ops.reports.markup import EMPTY
from ops.reports.page import page
from ops.reports.story import Story, tell
from tests.agents import said
from tests.ops.reports.telling import PLAN, evidence, predicted, recorded, started


class Reader(HTMLParser):
    """Reads a page and holds on to what is wrong with it."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: set[str] = set()
        self.fetched: list[str] = []
        self.wrong: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name == "id":
                self.ids.append(value or "")
            elif name in ("src", "href", "xlink:href", "srcset", "data", "action"):
                (self.links.add if (value or "").startswith("#") else self.fetched.append)(value or "")
        if tag not in EMPTY:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in EMPTY:
            self.wrong.append(f"<{tag}/>")

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.wrong.append(f"</{tag}>")

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def read(text: str) -> Reader:
    """A page that has been read to its end."""
    reader = Reader()
    reader.feed(text)
    reader.close()
    return reader


@pytest.fixture(scope="module")
def text(told: Story, whole: Evidence) -> str:
    """The page of a campaign with every fate."""
    return page(told, whole)


def test_it_is_one_well_formed_file(text: str) -> None:
    """Every element is closed, ids are given once, and links lead to places of the page."""
    reader = read(text)
    assert text.startswith("<!DOCTYPE html>")
    assert reader.wrong == []
    assert reader.open == []
    assert len(reader.ids) == len(set(reader.ids))
    assert {link.removeprefix("#") for link in reader.links} <= set(reader.ids)


def test_it_asks_nobody(text: str) -> None:
    """No address, no import, nothing to fetch: it looks the same without a network, and for ever."""
    assert read(text).fetched == []
    assert not re.search(r"https?://|//[a-z]|@import|url\(|\bfetch\b|XMLHttpRequest|<link|<iframe|<img", text)


def test_every_section_is_there(text: str) -> None:
    """From progress to provenance, and each is in the bar of sections."""
    names = ["progress", "fates", "compositions", "pattern", "doubts", "trust", "provenance"]
    assert re.findall(r'<section id="(\w+)"', text) == names
    assert re.findall(r'<a href="#(\w+)">', text)[: len(names) + 1][-len(names) :] == names


def test_it_says_what_it_was_told(text: str) -> None:
    """Simulation, best sample, reasons, flagged lines, coverage, and the digests of the record."""
    words = "".join(read(text).text)
    for told in (
        "These parts of the lab were simulated", "c-0001-v1", "gripper open", "29.10°", "measured values fell into",
        "athanor replay run", "4.1161 Å", "it is doubtful", "Unexplained",
    ):  # fmt: skip
        assert told in words


def test_a_second_look_that_disagrees_is_marked(text: str) -> None:
    """The typed record of this campaign is not what its pattern shows."""
    assert 'class="differs"' in text


def test_the_same_log_gives_the_same_page(told: Story, whole: Evidence) -> None:
    """Byte for byte: no clock, no chance, no order of a set."""
    light = replace(whole, blobs=MemoryBlobs(), troubles=[])
    again = replace(whole, blobs=MemoryBlobs(), troubles=[])
    assert page(told, light) == page(tell(whole.log, "here"), again)


def test_what_is_missing_stands_before_everything_else(told: Story, whole: Evidence) -> None:
    """Artefacts that are not there are named, and the rest of the page is written all the same."""
    bare = replace(whole, blobs=MemoryBlobs(), troubles=["Sequence 7 of the log cannot be read. <garbage>"])
    shown = page(told, bare)
    before = shown[: shown.index("<main")]
    assert "Something is missing or does not agree" in before
    assert "Sequence 7 of the log cannot be read. &lt;garbage&gt;" in before
    assert "c-0001-v1.xy" in before
    assert "c-0003-v1.xy" in before
    assert read(shown).wrong == []
    assert "diffractogram" not in shown or 'class="differs"' in shown


@pytest.mark.parametrize(
    "events",
    [
        (),
        (predicted(1),),
        (predicted(1), said.asked(1), said.gone(1)),
        (said.proposed(1), said.made(1), said.withheld(1)),
        (said.withheld(9, unasked=True),),
    ],
    ids=["only begun", "proposed", "all lost", "nothing learnt", "strangers only"],
)
def test_a_campaign_that_stops_anywhere_has_its_page(events: tuple[object, ...]) -> None:
    """Interrupted, empty, barren: the page is whole and says that there is no best sample."""
    left = evidence([started(), *events], summary=None)
    shown = page(tell(left.log, "here"), left)
    reader = read(shown)
    assert (reader.wrong, reader.open) == ([], [])
    words = "".join(reader.text)
    assert "no sample became a label" in words
    assert "there is no best sample" in words
    assert "left no summary" in words


def test_names_from_files_stay_text() -> None:
    """A campaign, a reason, a sample with markup in them cannot change the page."""
    plan = PLAN.model_copy(update={"title": "</style><script>alert(1)</script>"})
    evil = said.gone(1).model_copy(update={"reason": "\"><svg onload='alert(2)'>"})
    left = evidence([started(plan=plan), predicted(1), evil])
    shown = page(tell(recorded([started(plan=plan), predicted(1), evil]), "here"), left)
    assert "alert(1)</script>" not in shown
    assert "<svg onload" not in shown
    assert read(shown).wrong == []
