"""Old events told in today's words, and today's in those of an older version.

A released kind@version never changes, and stored bytes are never rewritten. When a fact gains a meaning,
its class takes the next version and here stand two pure functions: one from the old JSON to the new, one back. Reading
walks the chain up: version 1 → 2 → … → today, then validates. Replay walks it down: what is decided today is told as
the version of the log would have told it, and compared.

A worked example, told as a story. ``presence.agent_faulted`` version 1 said who stumbled over which event
and with what error. That sent people searching, so version 2 also says *where* in the code it was raised.
Logs written before cannot know; `_agent_faulted_2` says so in plain words instead of guessing, and
`_agent_faulted_as_1` leaves it out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from pydantic import ValidationError

from contracts.catalogue import CATALOGUE, event_class
from contracts.errors import CatalogueError, MalformedEventError
from contracts.event import Event

Fields = Mapping[str, Any]
Telling = Callable[[Fields], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Step:
    """From one version of a kind to the next, and back."""

    up: Telling
    """Fields of the version before → fields of this one."""
    down: Telling
    """Fields of this version → as the version before would have told the same."""


def _without(fields: Fields, *names: str) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if name not in names}


def _agent_faulted_2(old: Fields) -> dict[str, Any]:
    return {**old, "where": "not recorded by version 1"}


def _agent_faulted_as_1(new: Fields) -> dict[str, Any]:
    return _without(new, "where")


def _in_laboratory(old: Fields, **told: Any) -> dict[str, Any]:
    """A plan with more said of its laboratory."""
    plan = old.get("plan")
    laboratory = plan.get("laboratory") if isinstance(plan, dict) else None
    if not isinstance(plan, dict) or not isinstance(laboratory, dict):
        return dict(old)  # no campaign.started at all: whoever validates it says so
    return {**old, "plan": {**plan, "laboratory": {**laboratory, **told}}}


def _campaign_started_2(old: Fields) -> dict[str, Any]:
    """Before version 2 nobody calibrated a furnace: asked again, nobody may decide to."""
    return _in_laboratory(old, calibration_interval_days=0.0)


def _campaign_started_as_1(new: Fields) -> dict[str, Any]:
    plan = new["plan"]
    laboratory = _without(plan["laboratory"], "calibration_interval_days", "max_deviation")
    return {**new, "plan": {**plan, "laboratory": laboratory}}


def _campaign_started_3(old: Fields) -> dict[str, Any]:
    """Before version 3 nobody scanned standards, measured again or put answers to people."""
    told = _in_laboratory(old, standard="")
    if isinstance(plan := told.get("plan"), dict):
        triage = {"rescans_per_sample": 0, "rescan_hours_per_day": 0.0, "reviews_per_day": 0}
        told["plan"] = {**plan, "triage": triage}
    return told


def _campaign_started_as_2(new: Fields) -> dict[str, Any]:
    plan = _without(new["plan"], "triage")
    laboratory = _without(plan["laboratory"], "standard", "standard_interval_days")
    return {**new, "plan": {**plan, "laboratory": laboratory}}


UNTOLD = ("weight_fraction_su", "cell_su", "pseudo_cubic_su", "size_nm", "size_su_nm", "in_prediction_set", "texture",
          "march_dollase")  # fmt: skip
"""What an answer did not say of a phase before version 2."""


def _analysis_2(old: Fields) -> dict[str, Any]:
    """Before version 2 an answer told neither uncertainties nor classes, nor how likely a phase is missing."""
    analysis = old.get("analysis")
    if not isinstance(analysis, dict) or not isinstance(found := analysis.get("phases"), list | tuple):
        return dict(old)  # a file that could not be read, or no analysis at all: whoever validates it says so
    phases = [{**p, "members": [], **dict.fromkeys(UNTOLD)} if isinstance(p, dict) else p for p in found]
    return {**old, "analysis": {**analysis, "phases": phases, "missing": None, "doubtful": []}}


def _analysis_as_1(new: Fields) -> dict[str, Any]:
    if (analysis := new["analysis"]) is None:
        return dict(new)
    phases = [_without(phase, "members", *UNTOLD) for phase in analysis["phases"]]
    return {**new, "analysis": {**_without(analysis, "missing", "doubtful"), "phases": phases}}


def _standard_measured_2(old: Fields) -> dict[str, Any]:
    """Before version 2 nobody asked the shapes of a standard's lines."""
    return {**old, "axial": None, "axial_su": None}


def _standard_measured_as_1(new: Fields) -> dict[str, Any]:
    return _without(new, "axial", "axial_su")


STEPS: Mapping[tuple[str, int], Step] = MappingProxyType(
    {
        ("presence.agent_faulted", 2): Step(_agent_faulted_2, _agent_faulted_as_1),
        ("campaign.started", 2): Step(_campaign_started_2, _campaign_started_as_1),
        ("campaign.started", 3): Step(_campaign_started_3, _campaign_started_as_2),
        ("diffraction.phases_identified", 2): Step(_analysis_2, _analysis_as_1),
        ("diffraction.analysis_flagged", 2): Step(_analysis_2, _analysis_as_1),
        ("diffraction.standard_measured", 2): Step(_standard_measured_2, _standard_measured_as_1),
    }
)
"""(kind, version it leads to) → the step from the version before, and back."""


def _check_steps() -> None:
    """Every kind past version 1 has each of its steps, and no step leads nowhere."""
    wanted = {(k, v) for k, cls in CATALOGUE.items() for v in range(2, cls.version + 1)}
    if wanted != set(STEPS):
        raise CatalogueError(
            f"Expected one step for each version {sorted(wanted)}, got {sorted(STEPS)}: "
            "write the missing one or drop the stray one."
        )


_check_steps()


def upcast(kind: str, version: int, fields: Fields) -> dict[str, Any]:
    """The fields of an event of `version`, told as the newest version tells them.

    Raises:
        UnknownKindError: no class is filed under `kind`.
        FutureVersionError: `version` is newer than the newest that is known.
    """
    newest = event_class(kind, version)
    told = dict(fields)
    for step in range(version + 1, newest.version + 1):
        told = STEPS[kind, step].up(told)
    return told


def told_as(kind: str, version: int, fields: Fields) -> dict[str, Any]:
    """The fields of an event of the newest version, as `version` would have told it.

    Args:
        kind: of the event.
        version: an older one, or the newest.
        fields: as JSON holds them, of the newest version.

    Raises:
        UnknownKindError: no class is filed under `kind`.
        FutureVersionError: `version` is newer than the newest that is known.
    """
    told = dict(fields)
    for step in range(event_class(kind, version).version, version, -1):
        told = STEPS[kind, step].down(told)
    return told


def read_event(kind: str, version: int, fields: Fields) -> Event:
    """The event that these recorded fields tell.

    Raises:
        UnknownKindError: no class is filed under `kind`.
        FutureVersionError: `version` is newer than the newest that is known.
        MalformedEventError: the fields do not obey the schema of kind@version.
    """
    newest = event_class(kind, version)
    try:
        # strict about content, not about JSON's poverty of types: dates and enums arrive as text
        return newest.model_validate(upcast(kind, version, fields))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the event"
        raise MalformedEventError(
            f"Expected the fields of {kind}@{version}, got a mistake at {where}: {first['msg']}."
        ) from error
