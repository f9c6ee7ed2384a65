"""`athanor query`: from what was typed to what is shown."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

from bus.blobs import MemoryBlobs
from bus.errors import BusError
from bus.identities import READER, Identity, KeyFolder
from bus.jetstream import JetStreamBus
from bus.replay import BusSource, Source, opened
from ops.asking.errors import NameUnknownError
from ops.asking.loading import Loaded, loaded
from ops.asking.shelves import View, views
from ops.asking.showing import Form, show
from ops.asking.statement import answer
from ops.errors import OpsError
from ops.exits import FOUND_WANTING, UNUSABLE, complain
from ops.roll import people

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

TOLD = 3
"""Troubles of a log that are told one by one."""


@dataclass(frozen=True)
class Log:
    """Which log is asked.

    Attributes:
        place: the folder of a run, or the URL of a server.
        until: last sequence that counts; all of it by default.
        key: what opens the server: the key of a reader, or a folder with one in it.
    """

    place: str
    until: int | None = None
    key: Path | None = None


@dataclass(frozen=True)
class Question:
    """What was typed.

    Attributes:
        log: which one is asked.
        sql: the statement; ``-`` reads it from stdin.
        form: how the answer is written.
        rows: most rows of a table.
    """

    log: Log
    sql: str
    form: Form
    rows: int = 100


@asynccontextmanager
async def log_of(log: Log, outlet: Path | None = None) -> AsyncIterator[tuple[DuckDBPyConnection, Loaded]]:
    """The log of a folder or of a server, ready to be asked.

    Args:
        log: which.
        outlet: the one folder that may be written into.

    Raises:
        BusError: there is none, or it cannot be read to its end.
    """
    console = Console(stderr=True)
    with console.status("reading the log …") as status:
        async with _source(log) as source:
            brought = loaded(
                source, log.until, progress=lambda n: status.update(f"reading the log … {n:,} events"), outlet=outlet
            )
            async with brought as (connection, told):
                status.stop()
                yield connection, told


@asynccontextmanager
async def _source(log: Log) -> AsyncIterator[Source]:
    if not log.place.startswith(("nats://", "tls://")):
        async with opened(Path(log.place), people=people()) as source:
            yield source
    elif log.key is None:
        async with opened(None, log.place, people()) as source:
            yield source
    else:
        # one who may read and nothing else, whatever other keys lie there
        is_folder = log.key.is_dir()
        who = KeyFolder(log.key).identity(READER) if is_folder else Identity(READER, log.key, own_inbox=True)
        bus = await JetStreamBus.connect(log.place, MemoryBlobs(), keys=who, people=people())
        try:
            yield BusSource(bus)
        finally:
            await bus.close()


def tell_troubles(told: Loaded) -> None:
    """What is not among the events, on stderr."""
    for trouble in told.troubles[:TOLD]:
        complain(trouble)
    if (more := len(told.troubles) - TOLD) > 0:
        complain(f"{more} more are in the view unreadable.")


def query(question: Question) -> int:
    """Answers a question; 0 when it is answered, 1 when something in the log was unreadable, 2 when it cannot be."""
    sql = sys.stdin.read() if question.sql == "-" else question.sql
    try:
        troubles = asyncio.run(_answered(question, sql))
    except (OpsError, BusError) as error:
        complain(str(error))
        return UNUSABLE
    except BrokenPipeError:  # whoever reads has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        complain(
            f"Expected to read {question.log.place} and to work in a temporary folder, got: {error}. Make room there."
        )
        return UNUSABLE
    return FOUND_WANTING if troubles else 0


async def _answered(question: Question, sql: str) -> bool:
    async with log_of(question.log) as (connection, told):
        show(answer(connection, sql), question.form, question.rows)
        sys.stdout.flush()
        tell_troubles(told)
    return bool(told.troubles)


def list_views(only: Sequence[str], *, as_json: bool) -> int:
    """Lists what there is to select from, with columns and descriptions."""
    there = views()
    try:
        chosen = [_view(name, there) for name in only] or list(there)
    except NameUnknownError as error:
        complain(str(error))
        return UNUSABLE
    if as_json:
        for view in chosen:
            columns = [{"name": c.name, "about": c.comment} for c in view.columns]
            sys.stdout.write(json.dumps({"view": view.name, "about": view.about, "columns": columns}) + "\n")
        return 0
    console = Console(highlight=False)
    for view in chosen:
        console.print(Text.assemble((view.name, "bold"), "  ", view.about))
        table = Table(box=None, padding=(0, 2, 0, 0), show_header=False, pad_edge=False)
        table.add_column(no_wrap=True, style="cyan", min_width=24)
        table.add_column(overflow="fold")
        for column in view.columns:
            table.add_row(Text(f"  {column.name}"), Text(column.comment))
        console.print(table)
        console.print()
    return 0


def _view(name: str, there: Sequence[View]) -> View:
    for view in there:
        if view.name == name.casefold():
            return view
    raise NameUnknownError("a view", name, [v.name for v in there], "athanor query --tables lists all of them.")
