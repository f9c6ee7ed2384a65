"""`athanor trace`: finds a sample by its name or what is known of it, and gathers its life from the log."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bus.errors import BusError
from contracts.upcasters import read_event
from ops.asking.asking import Log, log_of, tell_troubles
from ops.asking.errors import AskError, NameUnknownError
from ops.asking.life import moments
from ops.asking.loading import Loaded
from ops.asking.moment import Heard, Moment
from ops.asking.timeline import draw
from ops.errors import OpsError
from ops.exits import FOUND_WANTING, UNUSABLE, complain

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

SHOWN = 8
"""Names that are listed where one may mean several."""

_NAMES = """
WITH booked AS (
    SELECT campaign, vial.candidate_id, vial.sample_id
    FROM (SELECT campaign, unnest(samples) AS vial FROM scheduling.run_scheduled)
)
FROM booked
UNION SELECT campaign, candidate_id, NULL FROM planning.candidate_proposed
UNION SELECT campaign, NULL, sample_id FROM diffraction.pattern_measured ANTI JOIN booked USING (campaign, sample_id)
ORDER BY ALL
"""
_LIFE = """
WITH spoken AS (
    -- a quick look at the text first: most events speak of somebody else
    SELECT * FROM events
    WHERE campaign = $campaign AND NOT repeated
        AND list_bool_or([contains(data::VARCHAR, name) FOR name IN $mine::VARCHAR[]])
)
SELECT seq, time, kind, data FROM spoken
WHERE data ->> 'sample_id' IN $vials
    OR data ->> 'candidate_id' = $candidate AND data ->> 'sample_id' IS NULL
    OR list_has_any(from_json(data -> 'sample_ids', '["VARCHAR"]'), $vials)
    OR list_has_any(from_json(data -> '$.samples[*].sample_id', '["VARCHAR"]'), $vials)
ORDER BY seq
"""
_FIRST_MODEL = """
SELECT seq, time, kind, data FROM events
WHERE seq IN (SELECT min(model_seq) FROM lineage WHERE campaign = ? AND list_contains(?::VARCHAR[], sample_id))
"""
_NEVER_MADE = """
SELECT
    formula(p.composition) AS formula, p.family, recipe_words(p.recipe) AS recipe,
    CASE WHEN d.outcome = 'refused' THEN 'refused' WHEN NOT d.approved THEN 'declined' ELSE 'under way' END AS fate,
    CASE WHEN NOT d.approved THEN d.review_reason
        WHEN d.outcome = 'refused' THEN array_to_string(d.reasons, '; ') END AS why,
    NULL AS utility
FROM planning.candidate_proposed p LEFT JOIN decisions d USING (campaign, candidate_id)
WHERE p.campaign = ? AND p.candidate_id = ?
ORDER BY d.seq DESC LIMIT 1
"""


@dataclass(frozen=True)
class Name:
    """Somebody whose life can be told: a candidate, with its vials; or a sample that nobody proposed.

    Attributes:
        campaign: where it belongs.
        candidate: the proposal; none for a dropped file.
        vials: its samples; none before it was scheduled.
    """

    campaign: str
    candidate: str | None
    vials: tuple[str, ...]

    @property
    def spelt(self) -> str:
        """The name that says most."""
        return self.vials[0] if len(self.vials) == 1 else self.candidate or self.vials[0]


@dataclass(frozen=True)
class Life:
    """A sample, and what happened to it.

    Attributes:
        name: who.
        row: what became of it, from the view samples or decisions.
        moments: what happened to it, in the order of time.
    """

    name: Name
    row: dict[str, Any]
    moments: list[Moment]

    def document(self) -> dict[str, Any]:
        """The life as JSON."""
        return {
            "campaign": self.name.campaign,
            "candidate": self.name.candidate,
            "samples": list(self.name.vials),
            **{key: self.row[key] for key in ("formula", "family", "recipe", "fate", "why", "utility")},
            "moments": [moment.document() for moment in self.moments],
        }


def trace(name: str, log: Log, campaign: str | None, *, as_json: bool) -> int:
    """Tells a life; 0 when it is told, 1 when something in the log was unreadable, 2 when there is no such name."""
    try:
        life, told = asyncio.run(_traced(name, log, campaign))
    except (OpsError, BusError) as error:
        complain(str(error))
        return UNUSABLE
    except OSError as error:
        complain(f"Expected to read {log.place} and to work in a temporary folder, got: {error}. Make room there.")
        return UNUSABLE
    if as_json:
        sys.stdout.write(json.dumps(life.document(), ensure_ascii=False) + "\n")
    else:
        draw(life.name.spelt, life.name.campaign, life.row, life.moments)
    tell_troubles(told)
    return FOUND_WANTING if told.troubles else 0


async def _traced(name: str, log: Log, campaign: str | None) -> tuple[Life, Loaded]:
    async with log_of(log) as (connection, told):
        return life_of(connection, find(connection, name, campaign)), told


def find(connection: DuckDBPyConnection, wanted: str, campaign: str | None = None) -> Name:
    """Whoever is meant: by the name of a sample or a candidate, or by how one and no other begins.

    Raises:
        NameUnknownError: nobody is called so.
        AskError: several are.
    """
    rows = connection.execute(_NAMES).fetchall()
    rows = [row for row in rows if campaign is None or row[0] == campaign]
    exact = [row for row in rows if wanted in row[1:]]
    meant = exact or [row for row in rows if any(part and part.startswith(wanted) for part in row[1:])]
    people = list(dict.fromkeys((row[0], row[1] or row[2]) for row in meant))
    if not people:
        known = [part for row in rows for part in row[1:] if part]
        raise NameUnknownError(
            "a sample or candidate of the log", wanted, known,
            'athanor query DIR "SELECT sample_id, formula, fate FROM samples" lists them.',
        )  # fmt: skip
    if len(people) > 1:
        raise AskError(_several(wanted, people))
    mine, who = people[0]
    vials = tuple(r[2] for r in rows if r[0] == mine and r[2] and who in (r[1], r[2]))
    if wanted in vials:  # one vial of several was asked for by its own name
        vials = (wanted,)
    return Name(mine, who if any(r[1] == who for r in meant) else None, vials)


def _several(wanted: str, people: Sequence[tuple[str, str]]) -> str:
    several = len({campaign for campaign, _ in people}) > 1
    names = [f"{who} of {campaign}" if several else who for campaign, who in people[:SHOWN]]
    more = f" and {len(people) - SHOWN} more" if len(people) > SHOWN else ""
    advice = "Say which campaign with --campaign." if several else "Give more of the name."
    return f"Expected a name that one sample has, got {wanted!r}, which may be {', '.join(names)}{more}. {advice}"


def life_of(connection: DuckDBPyConnection, name: Name) -> Life:
    """Gathers the events of a life.

    Args:
        connection: the log.
        name: whose life.
    """
    mine = [n for n in (name.candidate, *name.vials) if n is not None]
    rows = connection.execute(
        _LIFE,
        {"campaign": name.campaign, "mine": mine, "candidate": name.candidate, "vials": list(name.vials)},
    ).fetchall()
    rows += _first_model(connection, name)
    # stored events are told in today's words already
    heard = [Heard(seq, time, read_event(kind, _today(kind), json.loads(data))) for seq, time, kind, data in rows]
    return Life(name, _row(connection, name), moments(heard, name.vials))


def _today(kind: str) -> int:
    from contracts.catalogue import CATALOGUE

    return CATALOGUE[kind].version


def _first_model(connection: DuckDBPyConnection, name: Name) -> list[Any]:
    return connection.execute(
        _FIRST_MODEL,
        [name.campaign, list(name.vials)],
    ).fetchall()


def _row(connection: DuckDBPyConnection, name: Name) -> dict[str, Any]:
    """What became of it, as the views tell it."""
    found = connection.execute(
        "SELECT formula, family, recipe, fate, why, utility FROM samples WHERE campaign = ? AND sample_id = ?",
        [name.campaign, name.vials[-1] if name.vials else None],
    )
    if not name.vials:
        found = connection.execute(
            _NEVER_MADE,
            [name.campaign, name.candidate],
        )
    names = [column[0] for column in found.description or ()]
    row = found.fetchone() or (None,) * len(names)
    return dict(zip(names, row, strict=True))
