"""What is fitted to what: candidates and the states of their phases, a pattern made ready, and a fit of some phases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from science.crystals.crystal import Crystal, Lattice
from science.diffraction.recent import Recent
from science.diffraction.sticks import Sticks, lattice_of, metric_design, metric_parameters

Array = NDArray[np.float64]

MODEL_ERROR = 0.06
"""Share of the net intensity by which calculated profiles are wrong."""
UNMEASURED = 1e6
"""Error over the highest count of points that were not measured; from a thousandth of it on they count as such."""
SMALLEST_ERROR = 2e-3
"""The same as a share of the strongest line, wherever nothing else is."""
N_BACKGROUND = 10
PROFILES_KEPT = 48
"""Profiles of phases that are kept with a pattern: a search comes back to most within so many."""
VERDICTS_KEPT = 32
"""The same of what is said of whole fits."""
ZERO_SD = 0.02
"""Zero errors in degrees that an aligned instrument has; tells the zero from the displacement."""
AXIAL_SD = 0.05
"""Axial divergences in degrees (see `Fit`) that instruments have: 0.05 is 2.4° between sample and slits."""
AXIAL_MEAN, AXIAL_FAR, AXIAL_SHARE = 1 / 6, 0.4, 5 / 12
"""Rays off the equator meet the detector early by h² cot(2θ) / 2, h being triangularly distributed up to its largest
value when sample and slit are equally long (van Laar & Yelon 1984, doi:10.1107/S0021889884011006). Mean of that over
its largest value, and the two-point distribution 0 and 0.4 that has its first two moments."""


@dataclass(frozen=True)
class Trial:
    """A phase that is tried, with its lines and how far its cell may stray (relative length)."""

    crystal: Crystal
    sticks: Sticks
    max_strain: float = 0.015
    origin: str = "library"
    untouched: Sticks | None = None
    """Its lines as the library has them, where texture or temperature have changed those in `sticks`."""

    @property
    def plain(self) -> Trial:
        """The phase with its lines as the library has them."""
        return self if self.untouched is None else replace(self, sticks=self.untouched, untouched=None)

    @cached_property
    def design(self) -> Array:
        """See `metric_design`."""
        return metric_design(self.sticks.hkl, self.crystal)

    @cached_property
    def start(self) -> Array:
        """See `metric_parameters`."""
        return metric_parameters(self.crystal)

    def room(self, strain: float) -> Array:
        """How far each parameter of its cell may go under a relative strain, ``(m,)`` 1/Å²."""
        return np.asarray(2 * strain * np.maximum(np.abs(self.start), 0.2 * self.start[0]))


@dataclass(frozen=True)
class March:
    """Preferred orientation: the plane that crystallites lie on, and March's r; see `texture`."""

    axis: tuple[int, int, int]
    r: float


@dataclass
class PhaseState:
    """Parameters of one phase: cell (reciprocal metric), size and strain widths in degrees.

    Its texture, and what its temperature factors have more than the library says in Å², are in its lines already.
    """

    metric: Array
    size: float = 0.05
    strain: float = 0.05
    march: March | None = None
    warmth: float = 0.0


@dataclass(frozen=True)
class Weighted:
    """Rows ``(m, n)`` of one length each, and what their lengths were ``(m,)``."""

    unit: Array
    norms: Array

    @classmethod
    def of(cls, rows: Array) -> Weighted:
        """Rows, each over its length; they are changed in place."""
        norms = lengths(rows) + 1e-300
        rows /= norms[:, None]
        return cls(rows, norms)


@dataclass(frozen=True)
class Observed:
    """A pattern made ready.

    Attributes:
        x: ``(n,)`` degrees, evenly spaced.
        y: ``(n,)`` counts.
        background: ``(n,)`` counts, an estimate.
        sigma: ``(n,)`` counts, how far a good fit may be off.
        lines: (wavelength in Å, share of the intensity) of the radiation.
        monochromator: cos²(2θ) of a diffracted-beam monochromator; 1 without one.
        rounding: counts, noise that comes from counts being whole numbers.
        zero: error of the circle in degrees as known beforehand, and its standard uncertainty.
        lean: degrees that it holds for each degree of axial divergence; a standard's zero does, see `refine.LEAN`.
        axial: axial divergence in degrees (see `Fit`) as known beforehand, and its standard uncertainty.
    """

    x: Array
    y: Array
    background: Array
    sigma: Array
    lines: tuple[tuple[float, float], ...]
    monochromator: float = 1.0
    rounding: float = 0.0
    zero: tuple[float, float] = (0.0, ZERO_SD)
    lean: float = 0.0
    axial: tuple[float, float] = (0.0, AXIAL_SD)

    @cached_property
    def measured(self) -> NDArray[np.bool_]:
        """Which points were measured; those in a gap between two ranges were not."""
        return np.asarray(self.sigma < 1e-3 * UNMEASURED * self.y.max())

    @property
    def net(self) -> Array:
        """Counts above the background estimate."""
        return self.y - self.background

    @cached_property
    def basis(self) -> Array:
        """See `background_basis`."""
        return background_basis(self.x, self.background)

    @cached_property
    def weighted_basis(self) -> Weighted:
        """The columns of the background as a linear fit takes them: times the weights."""
        return Weighted.of(np.ascontiguousarray(self.basis.T) * (1 / self.sigma))

    @cached_property
    def basis_over_errors(self) -> Weighted:
        """The same as a step takes them: over the errors, which rounds otherwise."""
        return Weighted.of(np.ascontiguousarray(self.basis.T) / self.sigma)

    @cached_property
    def weighted_counts(self) -> Array:
        """Counts times the weights, ``(n,)``."""
        return np.asarray(self.y * (1 / self.sigma))

    @cached_property
    def profiles(self) -> Recent[tuple[Array, Array, Array]]:
        """The latest profiles of phases in this pattern, see `lineshapes.phase_columns`."""
        return Recent(PROFILES_KEPT)

    @cached_property
    def verdicts(self) -> Recent[Any]:
        """The latest that was said of fits of this pattern, see `evidence.weigh` and `search.presence`."""
        return Recent(VERDICTS_KEPT)

    def start(self, trials: Sequence[Trial] = (), states: Sequence[PhaseState] = ()) -> Fit:
        """Some phases in the instrument as it is known beforehand; nothing is calculated yet."""
        zero, axial = self.zero[0] - self.lean * self.axial[0], self.axial[0]
        return Fit(tuple(trials), list(states), zero=zero, axial=axial)


@dataclass
class Fit:
    """A fit of some phases."""

    trials: tuple[Trial, ...]
    states: list[PhaseState]
    zero: float = 0.0
    displacement: float = 0.0  # degrees of 2θ at θ = 0: −2 s / R
    mixing: float = 0.5
    width: float = 0.06
    axial: float = 0.0  # degrees that rays farthest off the equator come early where cot 2θ = 1
    scales: Array = field(default_factory=lambda: np.zeros(0))
    parts: Array = field(default_factory=lambda: np.zeros((0, 0)))
    background: Array = field(default_factory=lambda: np.zeros(0))
    chi2: float = np.inf

    def holding(self, trials: Sequence[Trial], states: Sequence[PhaseState]) -> Fit:
        """Other phases in the same instrument; nothing is calculated yet."""
        return Fit(tuple(trials), list(states), self.zero, self.displacement, self.mixing, self.width, self.axial)

    @property
    def calculated(self) -> Array:
        """Background and all phases, ``(n,)`` counts."""
        return self.background + self.parts.sum(0) if len(self.parts) else self.background

    def places(self, theta: Array) -> Array:
        """Where lines are seen, in degrees 2θ, with the Bragg angles ``theta`` in radians."""
        early = AXIAL_MEAN * self.axial / np.tan(2 * theta)
        return np.asarray(np.degrees(2 * theta) + self.zero + self.displacement * np.cos(theta) - early)

    def lattice(self, n: int) -> Lattice:
        """The refined cell of the n-th phase."""
        return lattice_of(self.states[n].metric, self.trials[n].crystal)

    def weight_fractions(self) -> Array:
        """Shares of the crystalline mass: scale × Z M V, normalised (Hill & Howard 1987)."""
        weights = np.array(
            [
                s * t.crystal.mass_per_cell * self.lattice(n).volume
                for n, (s, t) in enumerate(zip(self.scales, self.trials, strict=True))
            ]
        )
        return weights / weights.sum() if weights.sum() > 0 else weights


def lengths(rows: Array) -> Array:
    """Euclidean length of each row ``(m, n)``: ``(m,)``, to the last bit what `numpy.linalg.norm` says."""
    return np.asarray(np.sqrt(np.add.reduce(rows * rows, axis=1)))


def background_basis(x: Array, estimate: Array) -> Array:
    """Columns that make up the background: the estimate, and Chebyshev polynomials for what it misses."""
    u = 2 * (x - x[0]) / (x[-1] - x[0]) - 1
    return np.column_stack([estimate, np.polynomial.chebyshev.chebvander(u, N_BACKGROUND - 2)])
