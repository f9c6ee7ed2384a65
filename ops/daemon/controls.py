"""`athanor status`, `pause`, `resume` and `stop`: talk to the daemon of a folder."""

from __future__ import annotations

import json
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from ops.daemon.card import Card, read_card
from ops.daemon.reasons import unfit
from ops.errors import NoDaemonError, NotYetError, OpsError
from ops.exits import FOUND_WANTING, UNUSABLE, complain

PATIENCE = 120.0
"""Real seconds that a daemon may take to drain."""
MOST_SHOWN = 5
"""Parked events that are told one by one."""


def _ask(card: Card, path: str, *, post: bool = False, **options: str) -> bytes:
    """What the daemon answers.

    Raises:
        NoDaemonError: it does not answer.
        NotYetError: it will not do what it is asked; the message is its own.
    """
    request = urllib.request.Request(  # noqa: S310  the daemon's own loopback address
        f"{card.http}/{path}?{urllib.parse.urlencode(options)}",
        method="POST" if post else "GET",
        headers={"Athanor": "yes"},
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310  same
            content: bytes = answer.read()
            return content
    except urllib.error.HTTPError as refusal:
        with refusal:
            raise NotYetError(refusal.read().decode("utf-8", "replace").strip()) from refusal
    except OSError as error:
        raise NoDaemonError(
            f"Expected the daemon of process {card.pid} to answer at {card.http}, got: {error}. Look at its output."
        ) from error


def status_of(folder: Path) -> dict[str, Any]:
    """What the daemon of a folder tells of itself.

    Raises:
        NoDaemonError: there is none, or it does not answer.
    """
    status: dict[str, Any] = json.loads(_ask(read_card(folder), "status"))
    return status


def show_status(folder: Path, *, as_json: bool) -> int:
    """Prints how the daemon is; 0 when it is ready, 1 when it is not, 2 when there is none."""
    try:
        status = status_of(folder)
    except OpsError as error:
        complain(str(error))
        return UNUSABLE
    if as_json:
        sys.stdout.write(json.dumps(status, ensure_ascii=False) + "\n")
    else:
        _print(status)
    return 0 if status["ready"] else FOUND_WANTING


def _print(status: dict[str, Any]) -> None:
    console = Console()
    state = "paused" if status.get("paused") else "finished" if status.get("finished") else "at work"
    console.print(
        f"[bold]{status['campaign']}[/bold]  {state}, process {status['pid']}, lab time {status.get('lab_time', '?')}"
    )
    if not status["ready"]:
        console.print(f"not ready: {status['not_ready_because']}", style="yellow", markup=False)
    if best := status["best"]:
        console.print(
            f"best so far {best['sample']} {best['composition']} a = {best['a_pc_angstrom']:.4f} Å, "
            f"utility {best['utility']:.3f}"
        )
    doing = Table(show_header=False, box=None, padding=(0, 2))
    for agent, words in status.get("agents", {}).items():
        doing.add_row(agent, words)
    console.print(doing)
    console.print(
        f"{status['samples']} samples, {status['successes']} successes, {status['withheld']} withheld, "
        f"{status['failed_steps']} failed steps, {status['troubles']} troubles beneath the agents"
    )
    if refused := status.get("set_aside"):
        places = ", ".join(str(one["sequence"]) for one in refused[-MOST_SHOWN:])
        console.print(
            f"{len(refused)} messages of the log are no events and were acted on by nobody, the last at {places}: "
            f"{refused[-1]['reason']}", style="yellow", markup=False,
        )  # fmt: skip
    for waiting in status.get("waiting", ()):
        console.print(f"waits: {waiting}", style="yellow", markup=False)
    if parked := status.get("parked"):
        for work in parked[:MOST_SHOWN]:
            console.print(
                f"set aside by {work['agent']}: {work['kind']} {work['event']}: {work['why'][:200]}",
                style="yellow", markup=False,
            )  # fmt: skip
        if (more := sum(status["parked_events"].values()) - MOST_SHOWN) > 0:
            console.print(f"and {more} more; athanor status --json lists them", style="yellow")
        console.print("Mend what they tell of, then say athanor retry", style="yellow")
    for alarm in status.get("alarms", ())[-3:]:
        console.print(f"! {alarm}", style="yellow", markup=False)


def switch(folder: Path, what: str, reason: str) -> int:
    """Pauses or resumes; 0 when the daemon has written it down."""
    if wrong := unfit(reason):
        complain(wrong)
        return UNUSABLE
    try:
        _ask(read_card(folder), what, post=True, reason=reason)
    except OpsError as error:
        complain(str(error))
        return UNUSABLE
    Console().print(f"{what}d: {reason}", highlight=False, markup=False)
    return 0


def retry(folder: Path, agent: str, reason: str) -> int:
    """Has what was set aside taken up again; 0 when that is on record, or when there is nothing."""
    if wrong := unfit(reason):
        complain(wrong)
        return UNUSABLE
    try:
        told = _ask(read_card(folder), "retry", post=True, agent=agent, reason=reason).decode().strip()
    except OpsError as error:
        complain(str(error))
        return UNUSABLE
    Console().print(told, highlight=False, markup=False)
    return 0


def stop(folder: Path) -> int:
    """Drains the daemon and waits for its end; 1 when it does not end."""
    try:
        card = read_card(folder)
        _ask(card, "stop", post=True)
    except OpsError as error:
        complain(str(error))
        return UNUSABLE
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        try:
            if read_card(folder) != card:
                break
        except NoDaemonError:
            break
        time.sleep(0.1)
    else:
        complain(
            f"Expected process {card.pid} to end within {PATIENCE:.0f} s, got one that still runs. Look at its output."
        )
        return FOUND_WANTING
    Console().print("stopped; athanor up goes on from here", highlight=False)
    return 0
