"""The page of a campaign shows how straight its diffractometer was, where standards were measured."""

from __future__ import annotations

import re

from ops.plotting.standings import histories
from ops.reports.page import page
from ops.reports.standards import caption, standards
from ops.reports.story import tell
from tests.ops.plotting.test_standings import drifted, measured
from tests.ops.reports.telling import evidence, recorded, started, tree, words

STEADY = [measured(n, 0.0) for n in range(6)]
OFF = [*STEADY, measured(6, 0.05), drifted(6, 5), measured(0, 0.3, "xrd-2")]


def test_each_standard_is_a_mark_and_each_drift_a_band() -> None:
    """Eight scans on two instruments are eight marks in two panels, and one drift is one band with its delay."""
    drawn = tree(standards(histories(OFF)))
    kinds = [e.get("class") for e in drawn.iter()]
    assert kinds.count("guess held") == 8
    assert kinds.count("drifted") == 1
    assert {"xrd-1", "xrd-2"} <= {e.text for e in drawn.iter() if e.get("class") == "legend"}
    assert "+50, found after 7 d" in words(standards(histories(OFF)))


def test_the_caption_tells_what_became_of_each() -> None:
    """One drifted, the other did not, and both are said."""
    told = caption(histories(OFF))
    assert "off by +0.0500 degrees since after" in told
    assert "xrd-2: 1 standards" not in told
    assert "xrd-2: 1 standard " in told


def test_a_drift_without_its_standard_is_passed_over() -> None:
    """A log that has lost the scan at which a drift was noticed still tells the rest."""
    (history,) = histories([*STEADY, drifted(6, 5)])
    assert (len(history.standings), history.departures) == (6, ())


def test_the_section_is_there_only_where_there_are_standards() -> None:
    """Without a standard the page has no such section; with them it stands before the trust in predictions."""
    for events, there in (([], False), (OFF, True)):
        log = [started(), *events]
        text = page(tell(recorded(log), "here"), evidence(log))
        names = re.findall(r'<section id="(\w+)"', text)
        assert ("standards" in names) is there
        assert not there or names.index("standards") == names.index("trust") - 1
