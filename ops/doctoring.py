"""`athanor doctor`: looks at everything that a lab stands on, and says what to do about what is wrong."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from importlib import metadata
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.version import Version
from rich.console import Console
from rich.table import Table

from ops.exits import FOUND_WANTING
from ops.room import few_files

LEAST_SERVER = Version("2.15.1")
"""From this version on an atomic batch costs one fsync."""
LEAST_ROOM = 2 * 1024**3
NEWS = timedelta(days=7)
"""So long a message that was set aside is a fault that somebody should look at."""
SLOW_FSYNC = 0.05
"""Seconds; each event waits for one."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What was looked at, whether it is well, and what was seen or should be done."""

    what: str
    well: bool
    words: str


def _python() -> Finding:
    have = ".".join(map(str, sys.version_info[:3]))
    return Finding("Python", sys.version_info >= (3, 11), f"{have}; 3.11 or later is needed")


def _distribution() -> Finding:
    try:
        wanted = [Requirement(r) for r in metadata.requires("athanor-lab") or []]
    except metadata.PackageNotFoundError:
        return Finding("installation", False, "athanor-lab is not installed here: pip install athanor-lab")
    wrong = []
    for requirement in wanted:
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        try:
            have = metadata.version(requirement.name)
        except metadata.PackageNotFoundError:
            wrong.append(f"{requirement} is missing")
            continue
        if not requirement.specifier.contains(have, prereleases=True):
            wrong.append(f"{requirement} is wanted, {have} is there")
    told = (
        f"{'; '.join(wrong)}: install athanor-lab again" if wrong else f"athanor-lab {metadata.version('athanor-lab')}"
    )
    return Finding("installation", not wrong, told)


def _server() -> Finding:
    from bus.errors import ServerStartError
    from bus.server import binary

    try:
        told = subprocess.run([binary(), "--version"], capture_output=True, text=True, timeout=20, check=True).stdout  # noqa: S603
    except (ServerStartError, OSError, subprocess.SubprocessError) as error:
        return Finding("nats-server", False, str(error))
    have = Version(told.rpartition("v")[2].strip())
    return Finding("nats-server", have >= LEAST_SERVER, f"{have}; {LEAST_SERVER} or later is needed")


def _room(folder: Path) -> Finding:
    there = next(p for p in (folder, *folder.resolve().parents) if p.exists())
    free = shutil.disk_usage(there).free
    if scarce := few_files(there):
        return Finding("disk", False, scarce)
    return Finding(
        "disk", free >= LEAST_ROOM, f"{free / 1024**3:.1f} GiB free at {there}; {LEAST_ROOM / 1024**3:.0f} are wanted"
    )


def _writing(folder: Path) -> Finding:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder) as file:
            began = time.perf_counter()
            for _ in range(20):
                file.write(b"x" * 1024)
                file.flush()
                os.fsync(file.fileno())
            each = (time.perf_counter() - began) / 20
    except OSError as error:
        return Finding("writing", False, f"cannot write in {folder}: {error}. Choose another folder or its permissions")
    return Finding("writing", each < SLOW_FSYNC, f"an fsync takes {1e3 * each:.1f} ms; each event waits for one")


def _compiled() -> Finding:
    from science.compiled import kept_in

    if folder := kept_in():
        return Finding("machine code", True, f"kept in {folder}")
    return Finding(
        "machine code",
        False,
        "there is no place to keep it, and each process compiles for seconds: let NUMBA_CACHE_DIR name a folder that "
        "only the user of the lab can write to",
    )


def _broker() -> Finding:
    from bus.blobs import BlobStore
    from bus.errors import BusError
    from bus.jetstream import JetStreamBus
    from bus.server import EmbeddedServer

    async def turn_over() -> str:
        with tempfile.TemporaryDirectory(prefix="athanor-doctor-") as scratch:
            server = await EmbeddedServer.start(Path(scratch) / "store")
            try:
                bus = await JetStreamBus.connect(server.url, BlobStore(Path(scratch) / "blobs"))
                await bus.check()
                await bus.close()
                return "starts, makes its stream as pinned, and answers"
            finally:
                await server.stop()

    try:
        return Finding("broker", True, asyncio.run(turn_over()))
    except (BusError, OSError) as error:
        return Finding("broker", False, str(error))


def _clock(folder: Path) -> Finding:
    newest = max((p.stat().st_mtime for p in folder.glob("store/jetstream/**/*") if p.is_file()), default=0.0)
    behind = newest - time.time()
    if behind > 1:
        return Finding(
            "clock",
            False,
            f"the wall clock is {behind:.0f} s behind the log in {folder}: set it, or the lab's time stands still",
        )
    if stepped := _told_by_daemon(folder).get("clock_stepped_s", 0.0):
        way = "forward" if stepped > 0 else "back"
        return Finding(
            "clock",
            False,
            f"it was set {way} by {abs(stepped):.1f} s while the lab was at work; the lab's time went on as if it had "
            "not been. Look at its time service, then restart the lab: it goes by the wall clock again",
        )
    return Finding("clock", time.time() > 1.7e9, time.strftime("%Y-%m-%d %H:%M:%S %Z"))


def _told_by_daemon(folder: Path) -> dict[str, Any]:
    """What the daemon of a folder tells of itself; nothing if none does."""
    from ops.daemon.controls import status_of
    from ops.errors import OpsError

    try:
        return status_of(folder)
    except OpsError:
        return {}


def _daemon(folder: Path) -> Finding:
    from ops.daemon.card import read_card
    from ops.errors import NoDaemonError

    try:
        card = read_card(folder)
    except NoDaemonError:
        return Finding("daemon", True, f"none runs in {folder}")
    told = _told_by_daemon(folder)
    if not told:
        return Finding(
            "daemon",
            False,
            f"process {card.pid} runs {card.campaign} and does not answer at {card.http}: see its output",
        )
    if not told["ready"]:
        return Finding("daemon", False, f"process {card.pid} is not ready: {told['not_ready_because']}")
    return Finding("daemon", True, f"process {card.pid} runs {card.campaign}, status at {card.http}/status")


def _keys(folder: Path) -> Finding:
    from bus.ledger.errors import LedgerError
    from bus.ledger.keys import KEYS, LEDGER, read_signer, read_verifiers, trusted_by
    from ops.notary import WITNESS_KEY

    files = sorted((folder / KEYS).glob("signing-*"))
    try:
        signers = [read_signer(path) for path in files]
        if (folder / WITNESS_KEY).exists():
            read_signer(folder / WITNESS_KEY)
        if not (folder / LEDGER / "verifiers").is_file():
            return Finding("keys", True, f"no ledger in {folder} yet; its keys are made on the first run")
        trusted = trusted_by(folder / LEDGER, read_verifiers(folder / LEDGER))
    except (LedgerError, OSError) as error:
        return Finding("keys", False, str(error))
    if not signers:
        return Finding(
            "keys",
            False,
            f"the ledger in {folder} is there and its signing key in {folder / KEYS} is not: put it back from a copy, "
            "or nothing can be signed",
        )
    if signers[-1].verifier not in trusted:
        return Finding("keys", False, f"{signers[-1].verifier} in {folder / KEYS} is not the key of the ledger there")
    return Finding("keys", True, f"{signers[-1].verifier.name} signs, and nobody else can read its key")


def _evidence(folder: Path) -> Finding:
    from bus.ledger.alarms import ALARMS, read_cases
    from bus.ledger.keys import LEDGER
    from bus.ledger.tiles import CHECKPOINT

    ledger = folder / LEDGER
    cases = read_cases(ledger)
    alarms = [case.alarm for case in cases if not case.over]
    if not alarms:
        over = f"; {len(cases)} of the past that are over" if cases else ""
        return Finding("alarms", True, f"none in {folder}{over}")
    checkpoint = ledger / CHECKPOINT
    went_on = checkpoint.exists() and checkpoint.stat().st_mtime > (ledger / ALARMS).stat().st_mtime
    state = "and it was signed again since" if went_on else "and nothing was signed since"
    return Finding("alarms", went_on, f"{len(alarms)} in {ledger} {state}; the last: {alarms[-1].detail}")


def _log(folder: Path) -> Finding:
    """Messages that nobody may take for events: they stay in the log for ever, and are a fault while they are news."""
    from bus.blobs import MemoryBlobs
    from bus.errors import BusError
    from bus.ledger.errors import LedgerError
    from bus.ledger.keys import LEDGER
    from bus.replay import LedgerSource
    from contracts.presence import EventRefused
    from ops.roll import people

    if not (folder / LEDGER / "tile" / "entries").is_dir():
        return Finding("log", True, f"none in {folder} yet")

    async def refused() -> list[tuple[datetime, EventRefused]]:
        source = LedgerSource(folder / LEDGER, MemoryBlobs(), people())
        return [(r.stored_at, e) async for r in source.events() if isinstance(e := r.envelope.data, EventRefused)]

    try:
        found = asyncio.run(refused())
    except (BusError, LedgerError, OSError) as error:
        return Finding("log", False, f"it cannot be read to its end: {error} Say athanor ledger verify {folder}")
    if not found:
        return Finding("log", True, "every message in it is an event")
    at, last = found[-1]
    return Finding(
        "log",
        datetime.now(UTC) - at > NEWS,
        f"{len(found)} messages were set aside, and nobody acts on them; the last, at {at:%F %T} UTC: sequence "
        f"{last.sequence}: {last.reason} Find out who has that key, and exchange it",
    )


def examine(folder: Path, *, as_json: bool) -> int:
    """Prints what was found; 0 when all is well, 1 otherwise."""
    looks: list[Callable[[], Finding]] = [
        _python,
        _distribution,
        _server,
        _compiled,
        lambda: _room(folder),
        lambda: _writing(folder),
        _broker,
        lambda: _clock(folder),
        lambda: _daemon(folder),
        lambda: _keys(folder),
        lambda: _evidence(folder),
        lambda: _log(folder),
    ]
    findings = [look() for look in looks]
    if as_json:
        sys.stdout.write(json.dumps([asdict(f) for f in findings], ensure_ascii=False) + "\n")
    else:
        table = Table(show_header=False, box=None, padding=(0, 2))
        for f in findings:
            table.add_row("[green]well[/green]" if f.well else "[red]wrong[/red]", f.what, f.words)
        Console().print(table)
    return 0 if all(f.well for f in findings) else FOUND_WANTING
