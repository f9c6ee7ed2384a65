"""Fits a set of phases to a pattern: scales and background by linear algebra, the rest by Gauss–Newton.

Variable projection (Golub & Pereyra 1973, doi:10.1137/0710036) with analytic derivatives: zero,
displacement, axial divergence, peak mixing and instrument width are shared; each phase has its free cell parameters, a
crystallite-size and a strain width. The error model is inflated by a share of the net intensity, because
real profiles differ from pseudo-Voigts by more than counting noise.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from science.chemistry.crystal import Crystal, Lattice
from science.diffraction.profile import pseudo_voigt
from science.diffraction.sticks import Sticks, lattice_of, lorentz_polarisation, metric_design, metric_parameters

Array = NDArray[np.float64]
Columns = tuple[Array, Array, Array]
"""Profile of a phase at unit scale ``(n,)``, its derivatives by shared and own parameters ``(m, n)``, and by mixing."""

MODEL_ERROR = 0.06
"""Share of the net intensity by which calculated profiles are wrong."""
UNMEASURED = 1e6
"""Error over the highest count of points that were not measured; from a thousandth of it on they count as such."""
SMALLEST_ERROR = 2e-3
"""The same as a share of the strongest line, wherever nothing else is."""
N_BACKGROUND = 10
_SHARED = 5  # zero, displacement, mixing, instrument width, axial divergence
AXIAL_SD = 0.05
"""Axial divergences in degrees (see `Fit`) that instruments have: 0.05 is 2.4° between sample and slits."""
AXIAL_MEAN, AXIAL_FAR, AXIAL_SHARE = 1 / 6, 0.4, 5 / 12
"""Rays off the equator meet the detector early by h² cot(2θ) / 2, h being triangularly distributed up to its largest
value when sample and slit are equally long (van Laar & Yelon 1984, doi:10.1107/S0021889884011006). Mean of that over
its largest value, and the two-point distribution 0 and 0.4 that has its first two moments."""
SPLIT = 0.1
"""Shifts in widths from which such lines are drawn as two."""
LOWEST_WIDTH = 0.02
"""Full width in degrees below which no line is believed."""
ZERO_SD = 0.02
"""Zero errors in degrees that an aligned instrument has; tells the zero from the displacement."""
LEAN, LEAN_SHIFT = 0.83, 1.11
"""What axial divergence is taken for where only the places of lines are looked at: between 25 and 90° −cot(2θ) / 6 is
about 0.83 − 1.11 cos θ, so much zero and the other way displacement."""
ZERO_ROOM = 0.25
"""Degrees by which the zero may leave what is known of it."""


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
        lean: degrees that it holds for each degree of axial divergence; a standard's zero does, see `LEAN`.
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


def background_basis(x: Array, estimate: Array) -> Array:
    """Columns that make up the background: the estimate, and Chebyshev polynomials for what it misses."""
    u = 2 * (x - x[0]) / (x[-1] - x[0]) - 1
    return np.column_stack([estimate, np.polynomial.chebyshev.chebvander(u, N_BACKGROUND - 2)])


def _columns(fit: Fit, observed: Observed, n: int) -> Columns:
    """Profile of phase n at unit scale, derivatives by shared and own parameters, and by mixing."""
    trial, state = fit.trials[n], fit.states[n]
    design = trial.design
    q = design @ state.metric
    pieces = []
    for wavelength, share in observed.lines:
        s = wavelength * np.sqrt(np.maximum(q, 1e-9)) / 2
        seen = s < 0.999
        theta = np.arcsin(s[seen])
        tan, cos, cot = np.tan(theta), np.cos(theta), 1 / np.tan(2 * theta)
        two_theta = np.degrees(2 * theta)
        position = fit.places(theta)
        width = np.maximum(fit.width + state.size / cos + state.strain * tan, LOWEST_WIDTH)
        by_theta = fit.displacement * -np.sin(theta) + 2 * 180 / np.pi  # of the position, per radian of θ
        d_metric = (by_theta * tan / (2 * q[seen]))[:, None] * design[seen]
        m = 3 + 2 + design.shape[1] + 1
        d_position, d_width = np.zeros((len(theta), m)), np.zeros((len(theta), m))
        d_position[:, 0], d_position[:, 1], d_position[:, -1] = 1.0, cos, -AXIAL_MEAN * cot
        d_width[:, 2], d_width[:, 3], d_width[:, 4] = 1.0, 1 / cos, tan
        d_position[:, 5:-1] = d_metric
        area = trial.sticks.strength[seen] * lorentz_polarisation(two_theta, observed.monochromator) * share
        pieces += _with_tails((position, width, area, d_position, d_width), cot, fit.axial)
    position, width, area, d_position, d_width = (np.concatenate(c) for c in zip(*pieces, strict=True))
    inside = (position > observed.x[0] - 2) & (position < observed.x[-1] + 2)
    return pseudo_voigt(
        observed.x,
        position[inside],
        width[inside],
        fit.mixing,
        area[inside],
        np.ascontiguousarray(d_position[inside]),
        np.ascontiguousarray(d_width[inside]),
    )


def _with_tails(
    lines: tuple[Array, Array, Array, Array, Array], cot: Array, axial: float
) -> list[tuple[Array, Array, Array, Array, Array]]:
    """Lines, and their tails towards the beam where axial divergence draws them out farther than they are wide."""
    position, width, area, d_position, d_width = lines
    long = np.abs(AXIAL_FAR * axial * cot) > SPLIT * width
    if not long.any():
        return [lines]
    near, far = position.copy(), position[long] + (AXIAL_MEAN - AXIAL_FAR) * axial * cot[long]
    near[long] += AXIAL_MEAN * axial * cot[long]
    by_near, by_far = d_position.copy(), d_position[long]
    by_near[long, -1], by_far[:, -1] = 0.0, -AXIAL_FAR * cot[long]
    return [
        (near, width, np.where(long, 1 - AXIAL_SHARE, 1.0) * area, by_near, d_width),
        (far, width[long], AXIAL_SHARE * area[long], by_far, d_width[long]),
    ]


def _solve(profiles: Array, basis: Array, observed: Observed) -> tuple[Array, Array]:
    """Non-negative scales and free background coefficients of the weighted least-squares problem."""
    w = 1 / observed.sigma
    columns = np.vstack([profiles, basis.T]) * w
    norms = np.linalg.norm(columns, axis=1) + 1e-300
    columns = columns / norms[:, None]
    gram, right = columns @ columns.T, columns @ (observed.y * w)
    active = list(range(len(columns)))
    while True:
        part = np.linalg.solve(gram[np.ix_(active, active)] + 1e-8 * np.eye(len(active)), right[active])
        negative = [(c, a) for c, a in zip(part, active, strict=True) if a < len(profiles) and c < 0]
        if not negative:
            break
        active.remove(min(negative)[1])
    coefficients = np.zeros(len(columns))
    coefficients[active] = part
    coefficients /= norms
    return coefficients[: len(profiles)], coefficients[len(profiles) :]


def _evaluate(fit: Fit, observed: Observed, basis: Array, held: Sequence[Columns] = ()) -> list[Columns]:
    """Fills in scales, parts, background and chi2; returns the columns for the derivatives.

    The first phases may be held: their columns are those of an earlier call.
    """
    columns = [*held, *(_columns(fit, observed, n) for n in range(len(held), len(fit.trials)))]
    profiles = np.array([c[0] for c in columns]) if columns else np.zeros((0, len(observed.x)))
    fit.scales, background = _solve(profiles, basis, observed)
    fit.parts = fit.scales[:, None] * profiles
    fit.background = basis @ background
    misfit = float((((observed.y - fit.calculated) / observed.sigma) ** 2).sum())
    known, error = observed.zero
    fit.chi2 = misfit + ((fit.zero + observed.lean * fit.axial - known) / error) ** 2 + (fit.axial / AXIAL_SD) ** 2
    return columns


def refine(
    fit: Fit,
    observed: Observed,
    *,
    iterations: int = 8,
    widths: bool = True,
    tails: bool = False,
    only_newest: bool = False,
) -> Fit:
    """The fit after some Levenberg–Marquardt steps; it never gets worse.

    Args:
        fit: where to start from; it is not changed.
        observed: the pattern.
        iterations: most steps.
        widths: whether width and mixing parameters move too.
        tails: whether the axial divergence moves too; from a good fit only, because it is first taken for displacement.
        only_newest: nothing moves but the cell of the last phase, and of course all scales and the background. A
            candidate is compared with its rivals so at a fraction of the cost, because only its own profile changes.
    """
    basis = observed.basis
    moved = _moved(widths=widths, tails=tails)
    best = _copy(fit)
    columns = _evaluate(best, observed, basis)
    held = columns[:-1] if only_newest else ()
    damping = 1e-2
    for _ in range(iterations):
        jacobian, apply = _newest(best, columns) if only_newest else _jacobian(best, columns, moved)
        if not len(jacobian):
            return best
        weighted = np.vstack([jacobian, np.array([c[0] for c in columns]), basis.T]) / observed.sigma
        norms = np.linalg.norm(weighted, axis=1) + 1e-300
        weighted /= norms[:, None]
        residual = (observed.y - best.calculated) / observed.sigma
        gram, right = weighted @ weighted.T, weighted @ residual
        if not only_newest:
            shared = norms[: len(moved)]
            known = beforehand(observed, moved)
            gram[: len(moved), : len(moved)] += known / np.outer(shared, shared)
            off = {0: best.zero - observed.zero[0], 4: best.axial}
            if not tails:  # it does not move, but the zero answers for it
                off[0] += observed.lean * best.axial
            right[: len(moved)] -= known @ np.array([off.get(j, 0.0) for j in moved]) / shared
        improved = False
        for _ in range(4):
            step = np.linalg.solve(gram + (damping + 1e-9) * np.eye(len(gram)), right) / norms
            trial = apply(step[: len(jacobian)])
            trial.zero = float(np.clip(trial.zero, observed.zero[0] - ZERO_ROOM, observed.zero[0] + ZERO_ROOM))
            trial_columns = _evaluate(trial, observed, basis, held)
            if trial.chi2 < best.chi2:
                improved = True
                break
            damping *= 8
        if not improved:
            return best
        gain = best.chi2 - trial.chi2
        best, columns, damping = trial, trial_columns, max(damping / 5, 1e-6)
        if gain < 2e-4 * best.chi2:
            return best
    return best


def beforehand(observed: Observed, moved: Sequence[int]) -> Array:
    """Precision matrix ``(m, m)`` of what is known of shared parameters besides the pattern: zero and axial divergence.

    Args:
        observed: the pattern.
        moved: which parameters, as `jacobian` numbers them.
    """
    by = np.array([{0: 1.0, 4: observed.lean}.get(j, 0.0) for j in moved])
    known = np.outer(by, by) / observed.zero[1] ** 2
    known += np.diag([1 / AXIAL_SD**2 if j == 4 else 0.0 for j in moved])
    return np.asarray(known)


def evaluated(fit: Fit, observed: Observed) -> list[Columns]:
    """The columns of a refined fit: what it would answer to changes of its parameters."""
    return [_columns(fit, observed, n) for n in range(len(fit.trials))]


def jacobian(fit: Fit, columns: list[Columns]) -> tuple[Array, list[tuple[int, int]]]:
    """Derivatives of the calculated pattern by all parameters but the scales and the background.

    Returns:
        rows ``(m, n)``, and for each which phase and parameter it belongs to: (−1, shared parameter) first, then
        (phase, 3 for size, 4 for strain, 5 and up for the cell).
    """
    moved = _moved(widths=True, tails=fit.axial > 0)
    rows, places = _rows(fit, columns, moved)
    return rows, [*((-1, j) for j in moved), *places]


def _copy(fit: Fit) -> Fit:
    return replace(fit, states=[replace(s, metric=s.metric.copy()) for s in fit.states])


def _moved(*, widths: bool, tails: bool) -> list[int]:
    """Shared parameters that move: zero, displacement, mixing, instrument width, axial divergence."""
    return [0, 1, *([2, 3] if widths else []), *([4] if tails else [])]


def _rows(fit: Fit, columns: list[Columns], moved: list[int]) -> tuple[Array, list[tuple[int, int]]]:
    """Derivatives by shared and own parameters, and which (phase, parameter) the own ones belong to."""
    widths = 3 in moved
    n = len(columns[0][0]) if columns else 0
    shared = np.zeros((_SHARED, n))
    own: list[Array] = []
    places: list[tuple[int, int]] = []
    for index, (_, jacobian, by_mixing) in enumerate(columns):
        scale = fit.scales[index]
        shared[0] += scale * jacobian[0]
        shared[1] += scale * jacobian[1]
        shared[2] += scale * by_mixing
        shared[3] += scale * jacobian[2]
        shared[4] += scale * jacobian[-1]
        if scale <= 0:
            continue
        for j in range(3, len(jacobian) - 1):
            if j >= 5 or widths:
                own.append(scale * jacobian[j])
                places.append((index, j))
    return (np.vstack([shared[moved], *own]) if own else np.zeros((0, n))), places


def _jacobian(fit: Fit, columns: list[Columns], moved: list[int]) -> tuple[Array, Callable[[Array], Fit]]:
    """Derivatives of the calculated pattern by the parameters that move, and how to take a step."""
    rows, places = _rows(fit, columns, moved)

    def apply(step: Array) -> Fit:
        new = _copy(fit)
        for value, which in zip(step, moved, strict=False):
            _move_shared(new, which, float(value))
        for value, (index, j) in zip(step[len(moved) :], places, strict=True):
            _move_own(new, index, j, float(value))
        return new

    return rows, apply


def _newest(fit: Fit, columns: list[Columns]) -> tuple[Array, Callable[[Array], Fit]]:
    """The same for the cell of the last phase alone."""
    index = len(columns) - 1
    jacobian = columns[index][1][5:-1]

    def apply(step: Array) -> Fit:
        new = _copy(fit)
        for j, value in enumerate(step, 5):
            _move_own(new, index, j, float(value))
        return new

    return (fit.scales[index] * jacobian if fit.scales[index] > 0 else jacobian[:0]), apply


def _move_shared(fit: Fit, which: int, value: float) -> None:
    if which == 0:
        fit.zero += value
    elif which == 1:
        fit.displacement = float(np.clip(fit.displacement + value, -0.5, 0.5))
    elif which == 2:
        fit.mixing = float(np.clip(fit.mixing + value, 0.0, 1.0))
    elif which == 4:
        fit.axial = float(np.clip(fit.axial + value, 0.0, 0.3))
    else:
        fit.width = float(np.clip(fit.width + np.clip(value, -0.03, 0.03), 0.005, 0.4))


def _move_own(fit: Fit, index: int, j: int, value: float) -> None:
    state, trial = fit.states[index], fit.trials[index]
    if j == 3:
        state.size = float(np.clip(state.size + np.clip(value, -0.1, 0.1), 0.0, 1.5))
    elif j == 4:
        state.strain = float(np.clip(state.strain + np.clip(value, -0.2, 0.2), 0.0, 2.0))
    else:
        start = trial.start
        scale = max(abs(start[j - 5]), 0.2 * start[0])
        room = 2 * trial.max_strain * scale
        state.metric[j - 5] = float(np.clip(state.metric[j - 5] + value, start[j - 5] - room, start[j - 5] + room))
