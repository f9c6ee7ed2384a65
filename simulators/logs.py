"""What the logs of a synthesis line show of each step, and what they do not."""

from __future__ import annotations

from contracts.instruments import (
    REFERENCE,
    SHOWN,
    UNCERTAINTY,
    Reading,
    SampleTrouble,
    StepKind,
    StepRequest,
    StepSample,
)
from simulators.bench import Bench, hours_at_peak
from simulators.dice import dice
from simulators.wear import REFERENCE_UNCERTAINTY
from simulators.world.powders import oxide_mass
from simulators.world.vial import formula_units

VIBRATION_LIMIT = 1.5
"""Acceleration in g above which the robot arm reports a drop."""
OVERSHOOT_LIMIT = 20.0
"""Kelvin above the set point at which the controller complains."""
CALIBRATED_AT = 1400.0
"""Temperature in °C at which a furnace is held against the reference."""
DWELL_LIMIT = 0.95
"""Share of the set dwell below which the controller complains."""

Found = tuple[list[Reading], list[SampleTrouble]]


def findings(bench: Bench, request: StepRequest) -> Found:
    """What the logs of a step show."""
    if request.step is StepKind.WEIGH:
        return _weighing(bench, request.samples[0])
    if request.step is StepKind.LOAD:
        return _loading(bench, request)
    if request.step is StepKind.FIRE:
        return _firing(bench, request)
    if request.step is StepKind.UNLOAD:
        return _unloading(bench, request.samples[0])
    return [], []


def calibration(more: float) -> list[Reading]:
    """What is read off in a calibration.

    Args:
        more: kelvin by which the reference shows more than the furnace.
    """
    return [
        Reading(name=SHOWN, value=CALIBRATED_AT, unit="Cel"),
        Reading(name=REFERENCE, value=round(CALIBRATED_AT + more, 2), unit="Cel"),
        Reading(name=UNCERTAINTY, value=REFERENCE_UNCERTAINTY, unit="K"),
    ]


def _weighing(bench: Bench, sample: StepSample) -> Found:
    mistake = bench.faults.misweigh(sample)
    rng = dice(bench.seed, sample.sample_id, "balance")
    readings, troubles = [], []
    for precursor in sample.recipe.precursors:
        mass = precursor.mass * (1 + rng.normal(0, 5e-4))
        if mistake and mistake[2] and precursor.element == mistake[0]:
            mass *= mistake[1]
            reason = f"balance shows {mass:.4f} g of {precursor.formula}, {precursor.mass:.4f} g planned"
            troubles.append(SampleTrouble(sample_id=sample.sample_id, reason=reason, lost=False))
        readings.append(Reading(name=f"mass of {precursor.formula}", value=round(mass, 5), unit="g"))
    return readings, troubles


def _loading(bench: Bench, request: StepRequest) -> Found:
    sample = request.samples[0].sample_id
    rng = dice(bench.seed, request.key, "vibration")
    dropped = request.firing == 1 and bench.faults.dropped_vial(sample)
    peak = float(rng.uniform(2.5, 6.0) if dropped else rng.gamma(2.0, 0.1))
    reading = Reading(name="peak vibration", value=round(peak, 3), unit="g")
    if peak < VIBRATION_LIMIT:
        return [reading], []
    return [reading], [SampleTrouble(sample_id=sample, reason=f"vial dropped (vibration {peak:.1f} g)", lost=True)]


def _firing(bench: Bench, request: StepRequest) -> Found:
    """Temperature and dwell as the thermocouple and the controller see them: without what they do not know."""
    profile = request.samples[0].recipe.profile
    names = tuple(s.sample_id for s in request.samples)
    shown, wanted = bench.shown_celsius(request), profile.peak - 273.15
    set_hours = hours_at_peak(profile)
    hours = set_hours * bench.faults.controller_stall(request.key, names)
    readings = [
        Reading(name="peak temperature", value=round(shown, 1), unit="Cel"),
        Reading(name="time at peak", value=round(hours, 2), unit="h"),
    ]
    reasons = []
    if shown - wanted >= OVERSHOOT_LIMIT:
        reasons.append(f"furnace overshoot: {shown:.0f} °C shown, {wanted:.0f} °C set")
    if hours < DWELL_LIMIT * set_hours:
        reasons.append(f"controller stalled: {hours:.1f} h at the peak, {set_hours:.1f} h set")
    return readings, [SampleTrouble(sample_id=n, reason=r, lost=False) for n in names for r in reasons]


def _unloading(bench: Bench, sample: StepSample) -> Found:
    """The balance subtracts the tare of the crucible that should stand there."""
    owner, given_away = bench.held_by(sample.sample_id)
    who = bench.history(owner)[0] or sample
    left = bench.residue(owner)
    made = formula_units(who.recipe) * sum(n * oxide_mass(e) for e, n in bench.amounts(who).items())
    scatter = float(dice(bench.seed, sample.sample_id, "product").normal(0, 0.002))
    gross = made / (1 - (left[1] if left else 0.0)) * (1 + scatter) + bench.tare(owner)
    mass = Reading(name="product mass", value=round(gross - bench.tare(sample.sample_id), 4), unit="g")
    if not given_away:
        return [mass], []
    reason = f"the bar code reads {owner}, expected {sample.sample_id}: vials were swapped"
    return [mass], [SampleTrouble(sample_id=sample.sample_id, reason=reason, lost=False)]
