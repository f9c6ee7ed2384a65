"""Brings a log into a database on disk, chunk by chunk, and closes that database to everything but reading.

The events pass through the same reading that agents use: what they would not have understood is not among the
answers either, but is told. The memory that it takes does not grow with the log.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import orjson

from bus.codec import encode
from bus.errors import GapError, NewerAthanorError
from bus.protocol import Recorded
from bus.replay import Source
from contracts.envelope import schema_uri
from ops.asking.columns import literal
from ops.asking.errors import HalfLogError
from ops.asking.shelves import EVENTS, build

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

CHUNK = 20_000
"""Events that are handed over at once."""
MEMORY = "1GB"
"""What the database may take of the memory; beyond that it works on disk."""

_LINE = {
    "seq": "BIGINT", "version": "BIGINT", "bus_subject": "VARCHAR", "stored_at": "TIMESTAMPTZ", "signed": "BOOLEAN",
    "e": (
        "STRUCT(id UUID, campaign VARCHAR, type VARCHAR, source VARCHAR, subject VARCHAR, time TIMESTAMPTZ, "
        "causationid UUID, correlationid UUID, traceparent VARCHAR, data JSON)"
    ),
}  # fmt: skip
_FROM_LINE = {"kind": "e.type", "cause": "e.causationid", "correlation": "e.correlationid", "repeated": "false"}


@dataclass
class Loaded:
    """What was brought in.

    Attributes:
        events: how many.
        last: sequence of the last one; 0 for an empty log.
        last_sha256: digest of its stored bytes.
        troubles: what is not among them, in sentences.
    """

    events: int = 0
    last: int = 0
    last_sha256: str = ""
    troubles: list[str] = field(default_factory=list)


Progress = Callable[[int], None]
"""Told how many events have been brought in so far."""


@asynccontextmanager
async def loaded(
    source: Source, until: int | None = None, *, progress: Progress = lambda _: None, outlet: Path | None = None
) -> AsyncIterator[tuple[DuckDBPyConnection, Loaded]]:
    """A log as a database that can be read and nothing else; it is gone afterwards.

    Args:
        source: the log.
        until: last sequence; all of it by default.
        progress: told now and then how far it is.
        outlet: the one folder that may be written into; nothing by default.

    Raises:
        HalfLogError: the log cannot be read to its end.
        BusError: it cannot be read at all.
    """
    import duckdb

    with tempfile.TemporaryDirectory(prefix="athanor-asking-") as scratch:
        folder = Path(scratch)
        with duckdb.connect(folder / "log.duckdb", config=_settings(folder)) as writing:
            build(writing)
            told = await _fill(writing, source, until, folder, progress)
        with duckdb.connect(folder / "log.duckdb", read_only=True, config=_settings(folder)) as reading:
            _shut(reading, outlet)
            yield reading, told


@asynccontextmanager
async def empty() -> AsyncIterator[DuckDBPyConnection]:
    """The views without a log."""
    import duckdb

    with duckdb.connect(":memory:", config={"python_enable_replacements": "false"}) as connection:
        build(connection)
        yield connection


def _settings(folder: Path) -> dict[str, Any]:
    """How the database is opened: within bounds, and fetching nothing."""
    return {
        "memory_limit": MEMORY,
        "temp_directory": str(folder / "spill"),
        "python_enable_replacements": "false",
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
        "allow_community_extensions": "false",
        "preserve_insertion_order": "true",
    }


def _shut(connection: DuckDBPyConnection, outlet: Path | None) -> None:
    """Closes it to the files and the network outside; it cannot be opened to them again."""
    connection.execute("SET TimeZone = 'UTC'")
    if outlet is not None:
        connection.execute(f"SET allowed_directories = [{literal(str(outlet))}]")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")


async def _fill(
    connection: DuckDBPyConnection, source: Source, until: int | None, folder: Path, progress: Progress
) -> Loaded:
    told, chunk = Loaded(), folder / "chunk.jsonl"
    garbage: list[tuple[int, str]] = []
    waiting = 0
    with chunk.open("wb") as file:
        async for recorded in _read(source, until, garbage):
            file.write(_line(recorded))
            told.events, told.last = told.events + 1, recorded.sequence
            last, waiting = recorded.payload, waiting + 1
            if waiting == CHUNK:
                waiting = _hand_over(connection, file, chunk)
                progress(told.events)
        _hand_over(connection, file, chunk)
    if told.events:
        told.last_sha256 = hashlib.sha256(last).hexdigest()
    if garbage:
        connection.executemany("INSERT INTO unreadable VALUES (?, ?)", garbage)
    told.troubles = [reason for _, reason in garbage]
    _mark_repetitions(connection)
    return told


async def _read(source: Source, until: int | None, garbage: list[tuple[int, str]]) -> AsyncIterator[Recorded]:
    last = 0
    try:
        async for recorded in source.events(until, passed_over=lambda e: garbage.append((e.sequence, str(e)))):
            yield recorded
            last = recorded.sequence
    except (GapError, NewerAthanorError) as error:
        raise HalfLogError(last, str(error)) from error


def _line(recorded: Recorded) -> bytes:
    """An event as a line of JSON around its own bytes."""
    envelope, payload = recorded.envelope, recorded.body
    told = orjson.loads(payload)
    # two readers may take one text of JSON for two different things: only the one plain way to write it is handed on
    plain = told["dataschema"] == schema_uri(envelope.type, envelope.data.version) and orjson.dumps(told) == payload
    head = orjson.dumps(
        {
            "seq": recorded.sequence,
            "version": int(told["dataschema"].rpartition(":")[2]),
            "bus_subject": recorded.subject,
            "stored_at": recorded.stored_at,
            "signed": recorded.signed,
        }
    )
    return b'%s,"e":%s}\n' % (head[:-1], payload if plain else encode(envelope))


def _hand_over(connection: DuckDBPyConnection, file: IO[bytes], chunk: Path) -> int:
    file.flush()
    wanted = ", ".join(_FROM_LINE.get(name, name if name in _LINE else f"e.{name}") for name, _, _ in EVENTS)
    columns = ", ".join(f"{name}: {literal(kind)}" for name, kind in _LINE.items())
    connection.execute(
        f"INSERT INTO events SELECT {wanted} FROM read_json("  # noqa: S608  our own names and our own file
        f"{literal(str(chunk))}, format = 'newline_delimited', columns = {{{columns}}})"
    )
    file.seek(0)
    file.truncate()
    return 0


def _mark_repetitions(connection: DuckDBPyConnection) -> None:
    """Events that stand in the log twice, long apart: agents know them by their id, and so do the views."""
    connection.execute(
        "UPDATE events SET repeated = true WHERE seq IN ("
        "SELECT seq FROM events SEMI JOIN (SELECT id FROM events GROUP BY id HAVING count(*) > 1) USING (id) "
        "QUALIFY row_number() OVER (PARTITION BY id ORDER BY seq) > 1)"
    )
