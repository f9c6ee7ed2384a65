"""What standards say of a diffractometer: its zero error now, and whether it drifted."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from contracts.diffraction import DriftDetected, PatternMeasured, StandardMeasured
from contracts.identifiers import STANDARD_SCAN

if TYPE_CHECKING:
    from collections.abc import Iterable

    from science.diffraction.standards import Alignment


def standard_in(sample: str) -> str | None:
    """The reference powder that a name such as ``standard-Si`` or ``standard-LaB6-2026-11-02`` tells of, if any."""
    from science.diffraction.standards import STANDARDS

    kind, _, rest = sample.partition("-")
    name = rest.partition("-")[0]
    return name if kind == "standard" and name in STANDARDS else None


def standard_of(event: PatternMeasured) -> str | None:
    """The reference powder that was scanned, if one was; a vial that was asked for is none, whatever its name."""
    mine = not event.asked or event.measurement_id.startswith(STANDARD_SCAN)
    return standard_in(event.sample_id) if mine else None


def standard_measured(event: PatternMeasured, standard: str, found: Alignment) -> StandardMeasured:
    """What a scan of a standard says, as a fact."""
    return StandardMeasured(
        measurement_id=event.measurement_id,
        instrument=event.instrument,
        standard=standard,
        measured_at=event.ended_at,
        zero=found.zero,
        zero_su=found.zero_su,
        displacement=found.displacement,
        displacement_su=found.displacement_su,
        lines=len(found.lines),
    )


def zero_before(standards: Iterable[StandardMeasured], at: datetime) -> tuple[float, float] | None:
    """Zero error in degrees and its standard uncertainty, as the standards before a scan have shown it, if any."""
    from science.diffraction.drift import Reading, zero_at

    known = sorted((s for s in standards if s.measured_at <= at), key=lambda s: s.measured_at)
    if not known:
        return None
    first = known[0].measured_at
    readings = [Reading((s.measured_at - first) / timedelta(days=1), s.zero, s.zero_su) for s in known]
    return zero_at(readings, (at - first) / timedelta(days=1))


def drift_in(standards: tuple[StandardMeasured, ...]) -> DriftDetected | None:
    """The drift that the last of some standards gives away, if it does."""
    from science.diffraction.drift import QUIET, Reading, drifts

    in_order = sorted(standards, key=lambda s: s.measured_at)
    last, first = standards[-1], in_order[0].measured_at
    if in_order[-1] is not last:
        return None  # an old file that came late says nothing of today
    days = [(s.measured_at - first) / timedelta(days=1) for s in in_order]
    found = drifts([Reading(day, s.zero, s.zero_su) for day, s in zip(days, in_order, strict=True)])
    if not found or found[-1].found != len(in_order) - 1:
        return None
    drift = found[-1]
    return DriftDetected(
        measurement_id=last.measurement_id,
        instrument=last.instrument,
        since=first + timedelta(days=drift.since),
        delay_days=drift.delay,
        by=drift.by,
        quiet_standards=QUIET,
    )
