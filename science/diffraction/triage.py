"""What to do about an answer in doubt: measure again where that would settle it, ask a person where it would not.

Measuring again where an identification is unsure, and only there, is the idea of AdaptiveXRD (Szymanski et al. 2023,
doi:10.1038/s41524-023-00984-y). More counts help where counts are what is short: a faint phase, a faint pattern, a
phase that may be missing and shows no clear line. A wider range helps where there are too few lines to tell two
substances apart. Neither helps where lines are there and belong to nothing, where structures give the same pattern,
or where texture falsifies intensities: those are questions for people.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from science.diffraction.belief import shipped

LONGER = (4.0, 2.0)
"""By how much more counting is asked for: as much as fits into the day."""
WIDE = (15.0, 100.0)
"""Degrees 2θ over which a wider scan goes at least; beyond it the lines of most substances lie too close for copper."""
SHORT = 50.0
"""Degrees below which a range is short for telling substances apart."""
LEAST_GAIN = 0.2
"""Bits from which a scan is worth its time."""
OPEN = (0.3, 0.75)
"""Probabilities of a phase between which it is open whether it is there: from a little below that from which phases are
claimed to that from which a claim is called sure."""
SURELY_MISSING = 0.9
"""Probability of a missing phase from which it is hardly open any more whether one is."""
STRAYING = frozenset({"texture", "graininess"})
"""Flags of powders whose lines are not as strong as they should be, however long they are counted."""
FAINT = 0.1
"""Weight fraction below which counts are what limits how sure a phase is."""


@dataclass(frozen=True)
class Claim:
    """A phase of the answer: its probability, weight fraction, other substances in its place, and its class."""

    name: str
    chance: float
    share: float
    rivals: tuple[str, ...] = ()
    members: tuple[str, ...] = ()


@dataclass(frozen=True)
class Answer:
    """What triage must know of an answer.

    Attributes:
        verdict: ``identified``, ``ambiguous`` or ``unknown``.
        claims: its phases.
        missing: probability that a phase is missing.
        unclaimed: phases that are not claimed, with their probabilities.
        lines: places in degrees 2θ of clear lines that belong to nothing, strongest first.
        flags: what was noticed.
    """

    verdict: str
    claims: tuple[Claim, ...] = ()
    missing: float = 0.0
    unclaimed: tuple[tuple[str, float], ...] = ()
    lines: tuple[float, ...] = ()
    flags: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Scan:
    """Range in degrees 2θ, step, and seconds at each."""

    start: float
    stop: float
    step: float
    seconds: float

    @property
    def hours(self) -> float:
        """What it takes."""
        return ((self.stop - self.start) / self.step + 1) * self.seconds / 3600


@dataclass(frozen=True)
class Rescan:
    """A scan that is expected to settle a doubt: how, why, and how many bits of it."""

    scan: Scan
    reason: str
    gain: float


@dataclass(frozen=True)
class Question:
    """What a person is asked, and how urgent that is from 0 to 1."""

    priority: float
    text: str


@dataclass(frozen=True)
class _Doubt:
    """One thing that is open: how many bits it is worth, and what helps."""

    told: str
    bits: float
    counts: bool = False
    range: bool = False


def entropy(chance: float) -> float:
    """Bits that are open where something is true with that probability (Shannon 1948)."""
    p = min(max(chance, 1e-12), 1 - 1e-12)
    return float(-p * np.log2(p) - (1 - p) * np.log2(1 - p))


def rescan(answer: Answer, scan: Scan, hours: float = float("inf")) -> Rescan | None:
    """The scan that would settle what is in doubt, if one would and there is time for it.

    Args:
        answer: what was found.
        scan: how it was measured.
        hours: of the diffractometer that it may take.
    """
    doubts = [d for d in _doubts(answer, scan) if d.counts or d.range]
    wider = any(d.range for d in doubts)
    start, stop = (min(scan.start, WIDE[0]), max(scan.stop, WIDE[1])) if wider else (scan.start, scan.stop)
    for factor in LONGER if any(d.counts for d in doubts) else (1.0,):
        again = replace(scan, start=start, stop=stop, seconds=scan.seconds * factor)
        # noise falls with the root of the counts, and the doubt that rests on it about as fast
        settles = [d.bits * max((1 - factor**-0.5) if d.counts else 0.0, 0.5 if d.range else 0.0) for d in doubts]
        gain = sum(settles)
        if gain >= LEAST_GAIN and again.hours <= hours:
            how = [f"{factor:g} times as long"] if factor > 1 else []
            how += [f"from {start:g} to {stop:g} degrees"] if (start, stop) != (scan.start, scan.stop) else []
            foremost = doubts[int(np.argmax(settles))]
            return Rescan(again, f"{foremost.told}; measured again {' and '.join(how)}", gain)
    return None


def _doubts(answer: Answer, scan: Scan) -> list[_Doubt]:
    """What is open about an answer, and what helps."""
    if "no-peaks" in answer.flags or "wrong-wavelength" in answer.flags:
        return []  # whatever is wrong there, it is not the counts
    few, textured = "low-counts" in answer.flags, bool(STRAYING & answer.flags)
    short = "short-range" in answer.flags or scan.stop - scan.start < SHORT
    theirs = any(chance > OPEN[0] for _, chance in answer.unclaimed)  # then the lines may not be unknown after all
    if answer.verdict == "unknown" and answer.lines and not few and not theirs:
        return []
    found = []
    for claim in answer.claims:
        if claim.rivals and not textured:
            # what tells substances apart whose strong lines agree are the faint ones
            found.append(_Doubt(f"{claim.name} or {claim.rivals[0]}", 1.0, counts=True, range=short))
        elif OPEN[0] < claim.chance < OPEN[1]:
            told = f"{claim.name} is there with a probability of {claim.chance:.2f}"
            counts = few or (claim.share < FAINT and not textured)
            found.append(_Doubt(told, entropy(claim.chance), counts, short))
    for name, chance in answer.unclaimed:
        if OPEN[0] < chance and not textured:
            found.append(_Doubt(f"{name} may be there ({chance:.2f})", entropy(chance), counts=True, range=short))
    if shipped().alarm / 2 < answer.missing < SURELY_MISSING and not answer.lines:
        told = f"a phase is missing with a probability of {answer.missing:.2f}, and no line of it is clear"
        found.append(_Doubt(told, entropy(answer.missing), counts=few or not textured, range=short))
    if few and answer.verdict != "identified" and not found:
        found.append(_Doubt("counts are low", 1.0, counts=True, range=short))
    return found


def question(answer: Answer) -> Question | None:
    """What a person should look at; none where the answer is sure."""
    if answer.verdict == "identified":
        return None
    if answer.verdict == "unknown" and not answer.lines:
        if "no-peaks" in answer.flags:
            return Question(0.8, "Nothing crystalline is seen. Was the holder empty, or the shutter shut?")
        if "wrong-wavelength" in answer.flags:
            return Question(0.8, "No phase fits at the wavelength that the file tells. Which tube was it?")
        return Question(0.7, "No known phase accounts for the pattern. What could be in the sample that is not tried?")
    if answer.verdict == "unknown":
        places = ", ".join(f"{place:.2f}" for place in answer.lines[:3])
        count = "1 clear line belongs" if len(answer.lines) == 1 else f"{len(answer.lines)} clear lines belong"
        return Question(
            1.0 if len(answer.lines) > 2 else 0.9,
            f"{count} to no known phase (at {places} degrees). Is it a disordered, substituted or isostructural form "
            "of a known phase, an impurity, or must its structure be solved?",
        )
    rivals = [(c.name, r) for c in answer.claims for r in c.rivals[:2]]
    if rivals:
        told = "; ".join(f"{one} or {other}" for one, other in rivals[:2])
        return Question(0.6, f"The pattern can be read in more than one way: {told}?")
    weak = min(answer.claims, key=lambda c: abs(c.chance - 0.5), default=None)
    if weak is not None and weak.chance < OPEN[1]:
        return Question(0.3 + 0.2 * entropy(weak.chance), f"Is {weak.name} there ({weak.chance:.2f})?")
    return Question(
        0.2 + 0.3 * min(max(answer.missing, 0.0), 1.0),
        f"Part of the intensity is not accounted for. Is a phase missing ({answer.missing:.2f})?",
    )


def stands(later: Answer | None) -> bool:
    """Whether the answer to a rescan takes the place of the one before: always, unless it shows nothing at all."""
    return later is not None and "no-peaks" not in later.flags
