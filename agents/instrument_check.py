"""What standards say of a diffractometer: how it stands now, and whether it drifted."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from contracts.diffraction import DriftDetected, PatternMeasured, StandardMeasured
from contracts.identifiers import STANDARD_SCAN

if TYPE_CHECKING:
    from collections.abc import Iterable

    from science.diffraction.drift import Reading
    from science.diffraction.instrument import Instrument
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
        axial=found.axial,
        axial_su=found.axial_su,
        lines=len(found.lines),
    )


def instrument_before(standards: Iterable[StandardMeasured], at: datetime) -> Instrument | None:
    """A diffractometer as the standards before a scan have shown it, if any."""
    from science.diffraction.drift import instrument_at

    known = sorted((s for s in standards if s.measured_at <= at), key=lambda s: s.measured_at)
    if not known:
        return None
    first = known[0].measured_at
    return instrument_at([_reading(s, first) for s in known], (at - first) / timedelta(days=1))


def _reading(standard: StandardMeasured, first: datetime) -> Reading:
    """A standard as a row of them is read: in days since the first."""
    from science.diffraction.drift import Reading

    axial, su = standard.axial, standard.axial_su
    shape = None if axial is None or su is None else (axial, su)
    return Reading((standard.measured_at - first) / timedelta(days=1), standard.zero, standard.zero_su, shape)


def drift_in(standards: tuple[StandardMeasured, ...]) -> DriftDetected | None:
    """The drift that the last of some standards gives away, if it does."""
    from science.diffraction.drift import QUIET, drifts

    in_order = sorted(standards, key=lambda s: s.measured_at)
    last, first = standards[-1], in_order[0].measured_at
    if in_order[-1] is not last:
        return None  # an old file that came late says nothing of today
    found = drifts([_reading(s, first) for s in in_order])
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
