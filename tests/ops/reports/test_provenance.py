"""The record tells where it comes from, and says so when its parts contradict each other."""

from __future__ import annotations

import hashlib
from dataclasses import replace

from bus.blobs import MemoryBlobs
from ops.reports.provenance import contradictions, memories, models, provenance
from ops.reports.story import tell
from tests.agents import said
from tests.ops.reports.telling import every_fate, evidence, started, tree, words

EVENTS = every_fate(MemoryBlobs())
EVIDENCE = evidence(EVENTS)
STORY = tell(EVIDENCE.log, "here")


def test_the_facts_of_the_record() -> None:
    """Length, ends, digests, seed, code, and the command that folds the log again."""
    text = words(provenance(STORY, EVIDENCE))
    assert f"{len(EVENTS)} (sequence 1 to {len(EVENTS)})" in text
    assert "campaign.started, 2026-01-05 08:00" in text
    assert "campaign.finished" in text
    assert "athanor 0.1.0" in text
    assert "0" * 64 in text
    assert STORY.tally.summary()["decisions_sha256"] in text
    assert "athanor replay run" in text


def test_the_digest_covers_every_stored_byte() -> None:
    """SHA-256 over length and bytes of each event: a changed, moved or missing one changes it."""
    total = hashlib.sha256()
    for r in EVIDENCE.log:
        total.update(len(r.payload).to_bytes(8, "big") + r.payload)
    assert EVIDENCE.digest == total.hexdigest()
    log = list(EVIDENCE.log)
    others = [log[:-1], [log[1], log[0], *log[2:]], [log[0]._replace(payload=log[0].payload + b" "), *log[1:]]]
    assert len({EVIDENCE.digest, *(replace(EVIDENCE, log=other).digest for other in others)}) == 4


def test_models_and_memories_are_named_by_their_digests() -> None:
    """A row for each released model and each agent; no table where there is none."""
    shown = models(STORY)
    assert shown is not None
    assert "m-0001" in words(shown)
    assert "m-0002" not in words(shown)  # it was rejected
    told = memories(EVIDENCE)
    assert told is not None
    assert [c.attrib["title"] for c in tree(told).iter("code")] == ["a" * 64]
    assert models(tell(evidence([started(), said.proposed(1)]).log, "here")) is None
    assert memories(replace(EVIDENCE, summary=None)) is None


def test_a_summary_that_differs_from_the_log_is_told() -> None:
    """Agreement is silent; a difference is said with both numbers; no summary is said, too."""
    assert contradictions(STORY, EVIDENCE) == []
    changed = replace(EVIDENCE, summary={**(EVIDENCE.summary or {}), "learnt": 17})
    assert "learnt is 17 there and 2 in the log" in contradictions(STORY, changed)[0]
    assert "left no summary" in contradictions(STORY, replace(EVIDENCE, summary=None))[0]
