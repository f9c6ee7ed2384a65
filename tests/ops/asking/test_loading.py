"""Bringing a log in: whole, in chunks, as agents understood it, and into a database that only answers."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import orjson
import pytest

from bus.codec import decode, encode
from bus.errors import BusError, GapError, NewerAthanorError
from bus.protocol import Recorded
from contracts.presence import AgentFaulted
from ops.asking import loading
from ops.asking.errors import HalfLogError
from tests.ops.asking.told import Told, asked, chained, every_fate
from tests.ops.reports.telling import recorded


def stored(one: Recorded, payload: bytes) -> Recorded:
    """An event whose stored bytes are these."""
    return one._replace(payload=payload, envelope=decode(payload))


def test_every_event_comes_in_as_it_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sequence, identity, times and data of each event, whatever the size of the chunks."""
    log = chained(every_fate())
    monkeypatch.setattr(loading, "CHUNK", 7)
    heard: list[int] = []
    monkeypatch.setattr("tests.ops.asking.told.loaded", lambda *a, **k: loading.loaded(*a, **k, progress=heard.append))
    with asked(Told(log)) as (connection, told):
        rows = connection.execute(
            "SELECT seq, id, kind, version, source, time, stored_at, cause, correlation, bus_subject, data FROM events"
        ).fetchall()
    assert [row[:-1] for row in rows] == [
        (
            r.sequence, r.envelope.id, r.envelope.type, r.envelope.data.version, r.envelope.source, r.envelope.time,
            r.stored_at, r.envelope.causationid, r.envelope.correlationid, r.subject,
        )
        for r in log
    ]  # fmt: skip
    assert [json.loads(row[-1]) for row in rows] == [orjson.loads(r.payload)["data"] for r in log]
    assert heard == list(range(7, len(log) + 1, 7))
    assert (told.events, told.last) == (len(log), log[-1].sequence)
    assert told.last_sha256 == hashlib.sha256(log[-1].payload).hexdigest()


def test_an_empty_log_can_be_asked() -> None:
    """No event, no rows, no digest."""
    with asked(Told([])) as (connection, told):
        assert connection.execute("SELECT count(*) FROM samples").fetchone() == (0,)
    assert (told.events, told.last_sha256) == (0, "")


def test_an_old_event_is_told_in_todays_words() -> None:
    """The version that is stored is kept; the columns are those of today."""
    event = AgentFaulted(
        agent="planner", event_id="6f1cbd0c-4f0f-5d7e-9a0b-2c7d0c1a7e11", event_kind="x.y", attempt=1, error="E",
        where="a.py:1", parked=False,
    )  # fmt: skip
    (one,) = recorded([event])
    document = orjson.loads(one.payload)
    document["dataschema"] = document["dataschema"].replace(":2", ":1")
    del document["data"]["where"]
    with asked(Told([stored(one, orjson.dumps(document))])) as (connection, _):
        row = connection.execute(
            'SELECT e.version, f."where", f.error FROM events e JOIN presence.agent_faulted f USING (seq)'
        ).fetchone()
    assert row == (1, "not recorded by version 1", "E")


@pytest.mark.parametrize("twist", ["twice", "spread"])
def test_bytes_that_can_be_read_in_two_ways_are_told_as_agents_read_them(twist: str) -> None:
    """A key that comes twice, or JSON over several lines: what counts is what the agents understood."""
    log = chained(every_fate())
    document = orjson.loads(log[0].payload)
    if twist == "spread":
        payload = json.dumps(document, indent=2).encode()
    else:
        payload = log[0].payload[:-1] + b',"source":"/agents/nobody"}'
    twisted = stored(log[0], payload)
    with asked(Told([twisted, *log[1:]])) as (connection, told):
        (source,) = connection.execute("SELECT source FROM events WHERE seq = 1").fetchone()
        assert source == twisted.envelope.source
        assert connection.execute("SELECT count(*) FROM events").fetchone() == (len(log),)
    assert told.events == len(log)


def test_an_event_that_stands_there_twice_counts_once() -> None:
    """A server forgets ids, and may store an event again long after: agents pass over it, and so do views."""
    log = chained(every_fate())
    again = log[1]._replace(sequence=len(log) + 1)
    with asked(Told([*log, again])) as (connection, _):
        twice = connection.execute("SELECT seq FROM events WHERE repeated").fetchall()
        (proposed,) = connection.execute("SELECT count(*) FROM planning.candidate_proposed").fetchone()
    assert twice == [(len(log) + 1,)]
    assert proposed == 9


def test_what_never_was_an_event_is_told() -> None:
    """Garbage is among the unreadable, with its reason, and in the troubles."""
    log = chained(every_fate())
    with asked(Told(log, {99: "no JSON"})) as (connection, told):
        ((seq, reason),) = connection.execute("FROM unreadable").fetchall()
    assert (seq, "no JSON" in reason) == (99, True)
    assert told.troubles == [reason]


def test_a_log_can_be_asked_as_it_was() -> None:
    """Up to a place, and no further."""
    with asked(Told(chained(every_fate())), until=5) as (connection, told):
        assert connection.execute("SELECT max(seq) FROM events").fetchone() == (5,)
    assert told.last == 5


@pytest.mark.parametrize(
    "error", [GapError(4, 6), NewerAthanorError(4, "it was written by a newer Athanor")], ids=["gap", "newer"]
)
def test_half_a_log_is_no_answer(error: BusError) -> None:
    """Where it ends too early it says so, and up to where it can be asked; then it is."""

    class Broken(Told):
        async def events(self, stop: int | None = None, *, passed_over: Any = None) -> Any:
            async for one in super().events(min(stop or 3, 3)):
                yield one
            if stop is None or stop > 3:
                raise error

    source = Broken(chained(every_fate()))
    with pytest.raises(HalfLogError, match=r"sequence 3 .* --until 3"), asked(source):
        pass
    with asked(source, until=3) as (_, told):
        assert told.events == 3


OUTSIDE = [
    "COPY events TO '{there}/x.csv'",
    "COPY (SELECT 1) TO '/dev/stdout'",
    "EXPORT DATABASE '{there}/x'",
    "ATTACH '{there}/x.duckdb'",
    "SELECT * FROM read_text('{there}/secret')",
    "SELECT * FROM read_csv('{there}/secret')",
    "SELECT * FROM '{there}/secret.csv'",
    "SELECT * FROM glob('{there}/*')",
    "INSTALL httpfs",
    "CREATE TABLE x (i INT)",
    "DELETE FROM events",
    "SET enable_external_access = true",
    "SET memory_limit = '9GB'",
    "RESET lock_configuration",
    "SELECT * FROM secret",
]


@pytest.fixture(scope="module")
def short() -> Iterator[Any]:
    """A log of three events."""
    with asked(Told(chained(every_fate())[:3])) as (connection, _):
        yield connection


@pytest.mark.parametrize("sql", OUTSIDE)
def test_the_database_itself_is_shut(short: Any, tmp_path: Path, sql: str) -> None:
    """Whatever a statement is, it can write nothing, read nothing outside, and open nothing up again."""
    secret: Any = [1, 2, 3]
    (tmp_path / "secret").write_text("1,2\n", encoding="utf-8")
    (tmp_path / "secret.csv").write_text("1,2\n", encoding="utf-8")
    before = sorted(tmp_path.iterdir())
    with pytest.raises(duckdb.Error):
        short.execute(sql.format(there=tmp_path)).fetchall()
    assert sorted(tmp_path.iterdir()) == before
    assert len(secret) == 3


def test_an_outlet_opens_one_folder(tmp_path: Path) -> None:
    """What is allowed for an export is that folder and none beside it."""
    out, beside = tmp_path / "out", tmp_path / "beside"
    out.mkdir()
    beside.mkdir()
    with asked(Told(chained(every_fate())[:3]), outlet=out) as (connection, _):
        connection.execute(f"COPY events TO '{out}/x.parquet' (FORMAT parquet)")
        with pytest.raises(duckdb.PermissionException):
            connection.execute(f"COPY events TO '{beside}/x.parquet' (FORMAT parquet)")
    assert (out / "x.parquet").stat().st_size > 0
    assert not list(beside.iterdir())


def test_nothing_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The scratch database goes with the question."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with asked(Told(chained(every_fate())[:3])):
        assert list(tmp_path.iterdir())
    assert not list(tmp_path.iterdir())


def test_plain_bytes_are_the_codecs_bytes() -> None:
    """What the bus writes is handed on untouched: the line holds the stored bytes."""
    (one,) = chained(every_fate())[:1]
    assert encode(one.envelope) == one.payload
    assert one.payload in loading._line(one)
