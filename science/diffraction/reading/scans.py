"""Scans as a file holds them, put together into the one pattern that they are; what is done to them is said.

Nothing is guessed: scans that continue each other are joined, scans that repeat each other are averaged, and
where two scans over the same angles differ (a series of temperatures, say) the first one is taken.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from science.diffraction.errors import PatternError
from science.diffraction.pattern import Array, Pattern, Provenance, gaps
from science.diffraction.radiation import ANODES
from science.diffraction.reading import flags
from science.diffraction.reading.spikes import spikes

OVERLAP = 0.5
"""Share of the shorter of two scans above which they are the same range again."""
ALIKE = 0.95
"""Correlation above which such scans are of the same thing."""
MOST_BAD = 0.05
"""Share of points without a number above which a scan is not worth reading."""
MOST_POINTS = 200_000
"""Points above which neighbours are averaged, down to about half as many."""
K_ALPHA1 = {anode: first for anode, (first, _) in ANODES.items()} | {"W": 0.20901}
"""Kα1 in Å of anodes that a file may name; with tungsten nobody measures powders, but files say it."""


@dataclass(frozen=True)
class Scan:
    """One scan as it stands in the file.

    Attributes:
        two_theta: ``(n,)`` degrees, in any order.
        intensity: ``(n,)`` counts or any proportional unit.
        seconds: counting time at each angle.
        label: how to name it in a note.
    """

    two_theta: Array
    intensity: Array
    seconds: float | None = None
    label: str = ""


@dataclass(frozen=True)
class Source:
    """What else the file says.

    Attributes:
        name: of the file.
        wavelength: Kα1 in Å.
        k_alpha2: (wavelength in Å, ratio to Kα1).
        provenance: instrument and settings.
        flags: what was already done.
        notes: the same in sentences.
    """

    name: str
    wavelength: float | None = None
    k_alpha2: tuple[float, float] | None = None
    provenance: Provenance = field(default=Provenance())
    flags: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass
class _Told:
    flags: list[str]
    notes: list[str]

    def add(self, flag: str, note: str) -> None:
        if flag not in self.flags:
            self.flags.append(flag)
        self.notes.append(note)


def assemble(scans: Sequence[Scan], source: Source) -> Pattern:
    """The pattern that some scans are.

    Raises:
        PatternError: they are none.
    """
    told = _Told(list(source.flags), list(source.notes))
    clean = [_clean(scan, source.name, told) for scan in scans]
    if not clean:
        raise PatternError(f"Expected a scan over 2-theta in {source.name}, got none.")
    one = _without_spikes(_as_one(_chosen(_scaled(clean, told), told)), told)
    x, y = _thinned(*_above_zero(one, told), told)
    _tell_gaps(x, told)
    if len(y) and y.min() < 0:
        # a background was subtracted before: raised as a whole, so that no peak is cut
        told.add(flags.RAISED, f"raised by {-y.min():.4g}, because the file has negative intensities")
        y = y - y.min()
    _check_anode(source, told)
    origin = source.provenance
    if origin.seconds is None:
        origin = replace(origin, seconds=one.seconds)
    return Pattern(x, y, source.wavelength, source.k_alpha2, source.name, tuple(told.notes), origin, tuple(told.flags))


def _clean(scan: Scan, name: str, told: _Told) -> Scan:
    """Without points that have no number, in order, each angle once."""
    x, y = np.asarray(scan.two_theta, float), np.asarray(scan.intensity, float)
    if x.shape != y.shape or x.ndim != 1:
        raise PatternError(f"Expected as many intensities as angles in {name}, got {y.shape} and {x.shape}.")
    if not np.isfinite(x).all() or np.isinf(y).any() or np.isnan(y).sum() > MOST_BAD * len(y):
        raise PatternError(f"Expected finite numbers in {name}, got others. Is the file damaged?")
    if (missing := np.isnan(y)).any():
        told.add(flags.BAD_POINTS, f"left out {np.count_nonzero(missing)} points without a number")
        x, y = x[~missing], y[~missing]
    with np.errstate(over="ignore"):
        steps = np.diff(x)
    if (steps < 0).any():
        if not (steps <= 0).all():  # a scan downwards is in order, too
            told.add(flags.SORTED, f"sorted, because {np.count_nonzero(steps < 0)} angles were not in order")
        order = np.argsort(x, kind="stable")
        x, y = x[order], y[order]
    unique, index = np.unique(x, return_inverse=True)
    if len(unique) < len(x):
        told.add(flags.REPEATED, f"averaged {len(x) - len(unique)} points at angles that are there twice or more")
        with np.errstate(over="ignore", invalid="ignore"):
            x, y = unique, np.bincount(index, y) / np.bincount(index)
    return replace(scan, two_theta=x, intensity=y)


def _scaled(scans: list[Scan], told: _Told) -> list[Scan]:
    """All as if they had been counted for the longest time."""
    times = [s.seconds for s in scans if s.seconds]
    if len(times) < len(scans) or max(times) < 1.01 * min(times):
        return scans
    longest = max(times)
    told.add(flags.SCALED, f"scaled scans of {min(times):g} to {longest:g} s a step to {longest:g} s")
    return [replace(s, intensity=s.intensity * (longest / (s.seconds or longest)), seconds=longest) for s in scans]


def _chosen(scans: list[Scan], told: _Told) -> list[Scan]:
    """Scans of different ranges, with repetitions averaged into them."""
    kept: list[list[Scan]] = []
    for number, scan in enumerate(scans, 1):
        if len(scan.two_theta) < 2:
            continue
        same = next((group for group in kept if _overlap(group[0], scan) > OVERLAP), None)
        if same is None:
            kept.append([scan])
        elif _correlation(same[0], scan) > ALIKE:
            same.append(scan)
        else:
            told.add(
                flags.LEFT_OUT,
                f"left out scan {number}{f' ({scan.label})' if scan.label else ''}: another pattern over the angles of "
                "an earlier one, which is used",
            )
    if (repeats := sum(len(group) - 1 for group in kept)) > 0:
        told.add(flags.AVERAGED, f"averaged {repeats} scans with the earlier ones that they repeat")
    if len(kept) > 1:
        told.add(flags.JOINED, f"{len(kept)} scans joined")
    return [_mean(group) for group in kept] or scans[:1]


def _overlap(one: Scan, other: Scan) -> float:
    low = max(one.two_theta[0], other.two_theta[0])
    high = min(one.two_theta[-1], other.two_theta[-1])
    shorter = min(np.ptp(one.two_theta), np.ptp(other.two_theta))
    return float((high - low) / max(shorter, 1e-9))


def _correlation(one: Scan, other: Scan) -> float:
    """Of the intensities where both were measured."""
    inside = (one.two_theta >= other.two_theta[0]) & (one.two_theta <= other.two_theta[-1])
    a = one.intensity[inside]
    b = np.interp(one.two_theta[inside], other.two_theta, other.intensity)
    if len(a) < 3 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return 0.0
    return float(np.corrcoef(a / np.abs(a).max(), b / np.abs(b).max())[0, 1])


def _mean(group: list[Scan]) -> Scan:
    first = group[0]
    if len(group) == 1:
        return first
    inside = first.two_theta <= min(s.two_theta[-1] for s in group)
    inside &= first.two_theta >= max(s.two_theta[0] for s in group)
    grid = first.two_theta[inside]
    mean = np.mean([np.interp(grid, s.two_theta, s.intensity) for s in group], axis=0)
    return replace(first, two_theta=grid, intensity=mean)


def _as_one(scans: list[Scan]) -> Scan:
    """Ranges one after the other; where they overlap a little, equal angles are averaged."""
    if len(scans) == 1:
        return scans[0]
    x, y = np.concatenate([s.two_theta for s in scans]), np.concatenate([s.intensity for s in scans])
    unique, index = np.unique(x, return_inverse=True)
    mean = np.bincount(index, y) / np.bincount(index)
    return replace(scans[0], two_theta=unique, intensity=mean)


def _without_spikes(scan: Scan, told: _Told) -> Scan:
    bad = spikes(scan.intensity)
    if not len(bad):
        return scan
    where = ", ".join(f"{at:.2f}" for at in scan.two_theta[bad])
    told.add(flags.SPIKES, f"left out single points far above both neighbours at {where} degrees")
    return replace(scan, two_theta=np.delete(scan.two_theta, bad), intensity=np.delete(scan.intensity, bad))


def _tell_gaps(x: Array, told: _Told) -> None:
    for low, high in gaps(x):
        told.add(flags.GAP, f"nothing was measured from {low:.2f} to {high:.2f} degrees")


def _above_zero(scan: Scan, told: _Told) -> tuple[Array, Array]:
    x, y = scan.two_theta, scan.intensity
    backwards = x <= 0
    if backwards.any() and not backwards.all():  # nothing diffracts there; some instruments scan through zero
        told.add(flags.BAD_POINTS, f"left out {np.count_nonzero(backwards)} points at angles up to 0")
        x, y = x[~backwards], y[~backwards]
    return x, y


def _thinned(x: Array, y: Array, told: _Told) -> tuple[Array, Array]:
    if len(x) <= MOST_POINTS:
        return x, y
    together = -(-2 * len(x) // MOST_POINTS)
    count = len(x) // together * together
    told.add(flags.THINNED, f"averaged {together} neighbours each of {len(x)} points")
    return x[:count].reshape(-1, together).mean(axis=1), y[:count].reshape(-1, together).mean(axis=1)


def _check_anode(source: Source, told: _Told) -> None:
    """Says where the wavelength is no Kα1 of the anode: one of the two is wrong."""
    usual = K_ALPHA1.get(source.provenance.anode)
    if usual is None or source.wavelength is None or abs(source.wavelength - usual) < 0.006 * usual:
        return
    told.add(
        flags.CONTRADICTION,
        f"the file names a {source.provenance.anode} anode (K-alpha-1 {usual:.4f} angstrom) and a wavelength of "
        f"{source.wavelength:.4f} angstrom; the wavelength is used",
    )
