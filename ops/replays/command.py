"""`athanor replay`: from what was typed to what is told."""

from __future__ import annotations

import asyncio
import hashlib
import json
import sys
from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
from rich.console import Console
from rich.table import Table

from agents.crew import NAMES
from agents.errors import AgentError
from agents.runtime.verdicts import Mismatch
from bus.errors import BusError
from bus.replay import opened
from ops.errors import CampaignFileError, OpsError
from ops.exits import FOUND_WANTING, UNUSABLE, complain
from ops.replays.living import Lived, Look, read, relive_with_all_hands
from ops.replays.rounding import rounding
from ops.replays.telling import as_document, decided_by, in_words, memory_document, sentence
from ops.replays.what_if import Fork, fork, tell_fork
from ops.roll import people
from ops.version import version

SHOWN = 10
"""Differences that are listed for people."""


@dataclass(frozen=True)
class ReplayOrder:
    """What was typed.

    Attributes:
        place: the folder of a run, or the URL of a server.
        until: sequence or time.
        agents: who is lived again; all by default.
        what_if: changes of the plan: ``trust.alpha=0.05``.
        since: place from which they hold.
        nats: URL of the server that keeps the log of a folder.
        campaign: which one.
        tolerance: relative departure of numbers that is let pass as rounding.
        as_json: one JSON object.
    """

    place: str
    until: str | None = None
    agents: tuple[str, ...] = ()
    what_if: tuple[str, ...] = ()
    since: int = 1
    nats: str | None = None
    campaign: str | None = None
    tolerance: float = 0.0
    as_json: bool = False


def replay(order: ReplayOrder) -> int:
    """Lives a past again.

    Returns:
        0 when all is as it was, or only other code decided otherwise, or a question was answered; 1 when not; 2 when
        there is no past.
    """
    try:
        lived, made_fork = asyncio.run(_replayed(order))
    except (OpsError, BusError, AgentError) as error:
        complain(str(error))
        return UNUSABLE
    except OSError as error:
        complain(f"Expected to read {order.place}, got: {error}. Nothing was written there.")
        return UNUSABLE
    if made_fork is not None:
        tell_fork(lived, made_fork, as_json=order.as_json)
        return 0
    if order.as_json:
        sys.stdout.write(json.dumps(_document(lived), ensure_ascii=False) + "\n")
    else:
        _tell(lived)
    return FOUND_WANTING if lived.replayed.differences or lived.replayed.mismatches else 0


async def _replayed(order: ReplayOrder) -> tuple[Lived, Fork | None]:
    if unknown := sorted(set(order.agents) - {*NAMES}):
        raise CampaignFileError(f"Expected agents among {', '.join(NAMES)}, got {', '.join(unknown)}.")
    server = order.place if "://" in order.place else order.nats
    folder = None if "://" in order.place else Path(order.place)
    look = Look(folder, _until(order.until), order.agents, order.campaign, tolerance=order.tolerance)
    async with opened(folder, server, people()) as source:
        past, passed_over = await read(source, look)
        made_fork = fork(past, order.what_if, order.since) if order.what_if else None
        if made_fork is not None:
            look = replace(look, change=made_fork.change)
        lived = await relive_with_all_hands(source, look, past)
    lived.passed_over[:0] = passed_over
    if folder is not None and look.until is None and made_fork is None:
        _expect_the_end(lived, folder)
    return lived, made_fork


def _until(text: str | None) -> int | datetime | None:
    if text is None or text.isdigit():
        return int(text) if text else None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise CampaignFileError(
            f"Expected a sequence number or a time such as 2026-01-05T12:00:00Z after --until, got {text!r}."
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _expect_the_end(lived: Lived, folder: Path) -> None:
    """Compares memories with those at the end of the run, if this code ended it and left a summary."""
    if not lived.past.starts or lived.past.starts[-1].code_version != version():
        return
    try:
        summary = json.loads((folder / "report" / "summary.json").read_text(encoding="utf-8"))
        expected = dict(summary["state"]) if not summary["interrupted"] else {}
    except (OSError, ValueError, KeyError, TypeError):
        return
    for agent, got in lived.replayed.memories.items():
        if agent in expected:
            lived.replayed.memories_compared += 1
            if expected[agent] != got:
                mismatch = Mismatch(agent, "the end, in report/summary.json", str(expected[agent]), got)
                lived.replayed.mismatches.append(mismatch)


def state_digest(memories: dict[str, str]) -> str:
    """One digest over all memories."""
    return hashlib.sha256(orjson.dumps(memories, option=orjson.OPT_SORT_KEYS)).hexdigest()


def _document(lived: Lived) -> dict[str, Any]:
    replayed = lived.replayed
    return {
        "campaign": lived.past.campaign,
        "events": replayed.events,
        "decisions": replayed.decisions,
        "decisions_compared": replayed.compared.total(),
        "differences": [
            *(as_document(judged, lived.fetch) for judged in replayed.differences),
            *(memory_document(mismatch) for mismatch in replayed.mismatches),
        ],
        "decided_by_others": [
            as_document(judged, lived.fetch) | {"code_version": decider} for decider, judged in replayed.by_others
        ],
        "rounded": {"decisions": len(lived.rounded), "largest": max(lived.rounded, default=0.0)},
        "not_compared": dict(replayed.uncompared),
        "unfinished": len(replayed.unfinished),
        "memories_compared": replayed.memories_compared,
        "state_digest": state_digest(replayed.memories),
        "state": replayed.memories,
        "counts": dict(sorted(replayed.counts.items())),
        "compared": dict(sorted(replayed.compared.items())),
        "passed_over": lived.passed_over,
    }


def _tell(lived: Lived) -> None:
    console, replayed = Console(), lived.replayed
    table = Table("event", "count", "decided again", box=None)
    for kind, count in sorted(replayed.counts.items()):
        table.add_row(kind, str(count), str(replayed.compared[kind] or ""))
    console.print(table)
    wrong = {mismatch.agent for mismatch in replayed.mismatches}
    memories = Table("agent", "memory (SHA-256)", "as it was", box=None)
    for agent, digest in replayed.memories.items():
        memories.add_row(agent, digest[:16] + "…", "no" if agent in wrong else "yes")
    console.print(memories)
    for words in lived.passed_over:
        console.print(f"passed over: {words}", style="yellow", markup=False, soft_wrap=True)
    for reason, count in replayed.uncompared.items():
        console.print(f"not compared: {count} events, {reason}", style="yellow", markup=False, soft_wrap=True)
    if replayed.unfinished:
        console.print(f"unfinished when the log ends: {len(replayed.unfinished)}", style="yellow")
    for decider, count in Counter(decider for decider, _ in replayed.by_others).items():
        words = f"{decided_by(decider, version())}: {count} differ ({decider})"
        console.print(words, style="yellow", markup=False, soft_wrap=True)
    _tell_differences(lived, console)
    if lived.rounded:
        largest = f"{max(lived.rounded):.1g}"
        console.print(f"let pass as rounding: {len(lived.rounded)} decisions, by {largest} of their numbers at most")
    console.print(
        f"{replayed.events} events folded, {replayed.compared.total()} of {replayed.decisions} decisions made again: "
        f"{len(replayed.differences)} differ, {len(replayed.mismatches)} of {replayed.memories_compared} memories "
        f"differ. State {state_digest(replayed.memories)[:16]}…"
    )


def _tell_differences(lived: Lived, console: Console) -> None:
    replayed = lived.replayed
    for mismatch in replayed.mismatches[:SHOWN]:
        console.print(f"{mismatch.agent}'s memory at {mismatch.where}", style="red", markup=False, soft_wrap=True)
        console.print(f"  expected  {mismatch.expected}\n  got       {mismatch.got}", markup=False, soft_wrap=True)
    for n, judged in enumerate(replayed.differences[:SHOWN]):
        expected, got = in_words(judged)
        console.print(
            f"{'first difference ' if n == 0 else ''}{sentence(judged)}", style="red", markup=False, soft_wrap=True
        )
        console.print(f"  expected  {expected}\n  got       {got}", markup=False, highlight=False, soft_wrap=True)
        if (departure := rounding(judged, lived.fetch)) is not None:
            console.print(
                f"  only numbers depart, by {departure:.1g} of their size at most: another kind of processor? "
                "Let such pass with --tolerance.",
                soft_wrap=True,
            )
