"""How strong the lines of claimed phases are: texture and temperature factors, where the lines themselves say so.

Texture and heat make lines of a phase stronger and weaker than a random powder of atoms that move as the
library says, and what they take from a phase a fit gives to another. Profiles of single lines are set up once
a phase; all axes and strengths are then tried in the small space of line intensities. Texture must be clearly
wanted by the evidence; temperature factors follow it as far as a prior lets them.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from science.compiled import compiled
from science.crystals.crystal import Crystal
from science.diffraction.fit import Fit, March, Observed, PhaseState, Trial
from science.diffraction.lineshapes import LOWEST_WIDTH
from science.diffraction.refine import refine
from science.diffraction.sticks import cell_shape, lorentz_polarisation
from science.diffraction.texture import AXES, Orientations, orientations

Array = NDArray[np.float64]

LOG_R_SD = 0.4
"""Prior standard deviation of ln r: pressed powders of plates and needles have r from about 0.4 to 2."""
NEEDED = 10.0
"""Nats that must speak for texture: one of about eight axes, and one parameter more."""
LOG_R = np.linspace(np.log(0.25), np.log(3.0), 18)
OBLIQUE = 4.0
"""Nats that an axis other than those of the cell costs: most plates and needles are named by the axes of the cell."""
STRAYED = 0.08
"""Relative deviation of line intensities below which nobody asks for texture."""
WARMTH_SD = 0.3
"""Prior standard deviation of temperature factors about those of the library in Å²: most inorganic solids have B
from 0.2 to 1 at room temperature (Peng et al. 1996, doi:10.1107/S010876739600089X)."""
WARMTH = np.linspace(-0.4, 1.0, 8)
"""Å² that may be added to the temperature factors of a phase; the library mostly says 0.5."""
COLDEST = 0.1
"""Å²; no temperature factor of a whole phase is smaller at room temperature."""
TOGETHER = 0.6
"""Lines closer than this share of their width grow and fade as one."""
FEWEST = 4
"""Separate lines from which texture can be told from anything else."""


def adjusted(fit: Fit, observed: Observed, strayed: Array, which: Collection[int]) -> Fit:
    """The fit with the line intensities of some phases as their texture and temperature make them.

    Args:
        fit: a refined fit; it is not changed.
        observed: the pattern.
        strayed: ``(phases,)`` root mean square by which line intensities deviate, relative.
        which: phases whose lines may change; those that are believed.
    """
    if not fit.trials:
        return fit
    asked = [n for n in which if fit.parts[n].max() > 0]
    asked.sort(key=lambda n: -float(fit.parts[n].sum() * (strayed[n] + 0.02)))
    new = fit
    for iterations in (4, 8):  # once more when widths and the other phases have settled
        for n in asked:
            new = _settled(new, observed, n, may_lie=bool(strayed[n] > STRAYED))
        new = refine(new, observed, iterations=iterations, tails=True)
    return new if new.chi2 < fit.chi2 else fit


def with_lines(fit: Fit, index: int, march: March | None, warmth: float, wavelength: float) -> Fit:
    """The fit with the lines of one phase as strong as texture and temperature make them, not refined.

    Args:
        fit: it is not changed.
        index: the phase.
        march: its texture.
        warmth: what its temperature factors have more than the library says, Å².
        wavelength: Å.
    """
    behind = orientations(fit.trials[index].plain, wavelength) if march is not None else None
    return _changed(fit, index, march, warmth, behind)


def _changed(fit: Fit, index: int, march: March | None, warmth: float, behind: Orientations | None) -> Fit:
    plain = fit.trials[index].plain
    strength = plain.sticks.strength * np.exp(-warmth * plain.sticks.q / 2)
    if march is not None and behind is not None:
        strength[behind.lines] *= behind.factors(plain.crystal, march.axis, np.log([march.r]))[:, 0]
    trial = replace(plain, sticks=replace(plain.sticks, strength=strength), untouched=plain.sticks)
    states: list[PhaseState] = list(fit.states)
    states[index] = replace(states[index], march=march, warmth=warmth)
    trials: tuple[Trial, ...] = (*fit.trials[:index], trial, *fit.trials[index + 1 :])
    return replace(fit, trials=trials, states=states)


def _settled(fit: Fit, observed: Observed, index: int, *, may_lie: bool) -> Fit:
    """The fit with the texture and temperature of one phase that its lines speak for most."""
    behind = orientations(fit.trials[index].plain, observed.lines[0][0])
    space = _LineSpace.of(fit, observed, index, behind)
    q = fit.trials[index].sticks.q[behind.lines]
    state = fit.states[index]
    march = _march(space, behind, fit, index, np.exp(-state.warmth * q / 2)) if may_lie else None
    factors = np.ones(len(q))
    if march is not None:
        factors = behind.factors(fit.trials[index].crystal, march.axis, np.log([march.r]))[:, 0]
    nats = np.array([space.nats(factors * np.exp(-w * q / 2)) for w in WARMTH]) - (WARMTH / WARMTH_SD) ** 2 / 2
    warmth = max(_vertex(WARMTH, nats, int(np.argmax(nats))), COLDEST - _mean_b(fit.trials[index].crystal))
    return refine(_changed(fit, index, march, warmth, behind), observed, iterations=0)


def _mean_b(crystal: Crystal) -> float:
    return sum(s.b_iso * s.occupancy for s in crystal.sites) / max(sum(s.occupancy for s in crystal.sites), 1e-9)


def _march(space: _LineSpace, behind: Orientations, fit: Fit, index: int, warm: Array) -> March | None:
    """The texture that the lines speak for most; none if they can do without."""
    if len(space.weight) < FEWEST:
        return None
    crystal = fit.trials[index].crystal
    best, found = NEEDED + space.nats(warm), None
    for axis in AXES[cell_shape(crystal).split("-", maxsplit=1)[0]]:
        factors = behind.factors(crystal, axis, LOG_R) * warm[:, None]
        nats = np.array([space.nats(f) for f in factors.T]) - (LOG_R / LOG_R_SD) ** 2 / 2
        nats -= OBLIQUE * (sum(map(abs, axis)) > 1)
        top = int(np.argmax(nats))
        if nats[top] > best:
            best, found = float(nats[top]), March(axis, float(np.exp(_vertex(LOG_R, nats, top))))
    return found


def _vertex(x: Array, y: Array, top: int) -> float:
    """Where the parabola through the highest point and its neighbours is highest."""
    if not 0 < top < len(x) - 1:
        return float(x[top])
    low, mid, high = y[top - 1 : top + 2]
    bend = low - 2 * mid + high
    return float(x[top] + (0.5 * (low - high) / bend * (x[1] - x[0]) if bend < 0 else 0.0))


@dataclass(frozen=True)
class _LineSpace:
    """A fit as it depends on the line intensities of one phase.

    Attributes:
        group: ``(k,)`` which lines grow and fade together.
        area: ``(k,)`` of each line.
        weight: ``(groups,)`` area of each group.
        gram: of the columns: groups, weak lines, other phases, background; weighted.
        right: their products with the pattern.
        total: sum of squares of the weighted pattern.
        effective: number of effective data.
    """

    group: NDArray[np.int64]
    area: Array
    weight: Array
    gram: Array
    right: Array
    total: float
    effective: float

    @classmethod
    def of(cls, fit: Fit, observed: Observed, index: int, behind: Orientations) -> _LineSpace:
        group, area, rows = _line_profiles(fit, observed, index, behind.lines)
        others = np.delete(fit.parts, index, axis=0)
        columns = np.vstack([rows, others, observed.basis.T]) / observed.sigma
        pattern = observed.y / observed.sigma
        width = fit.width + fit.states[index].size + 0.3 * fit.states[index].strain
        effective = len(pattern) / max(width / (observed.x[1] - observed.x[0]) / 2, 1.0)
        weight = np.asarray(np.bincount(group, area, len(rows) - 1), float)
        return cls(
            group, area, weight, columns @ columns.T, columns @ pattern, float(pattern @ pattern), float(effective)
        )

    def nats(self, factors: Array) -> float:
        """Log evidence but for a constant when the lines ``(k,)`` are that much stronger, all scales free."""
        count = len(self.weight)
        mean = np.bincount(self.group, self.area * factors, count) / self.weight
        rest = float(self.area @ factors / self.area.sum())
        model = np.append(mean, rest)
        small = np.empty((len(self.gram) - count, len(self.gram) - count))
        small[1:, 1:] = self.gram[count + 1 :, count + 1 :]
        small[0, 1:] = small[1:, 0] = model @ self.gram[: count + 1, count + 1 :]
        small[0, 0] = model @ self.gram[: count + 1, : count + 1] @ model
        aim = np.append(model @ self.right[: count + 1], self.right[count + 1 :])
        scale = 1 / np.sqrt(np.diag(small) + 1e-300)
        matrix = small * scale[:, None] * scale
        matrix[np.diag_indices_from(matrix)] += 1e-9
        misfit = self.total - float(np.linalg.solve(matrix, aim * scale) @ (aim * scale))
        return -self.effective / 2 * float(np.log(max(misfit, 1e-9 * self.total)))


def _line_profiles(
    fit: Fit, observed: Observed, index: int, lines: NDArray[np.int64]
) -> tuple[NDArray[np.int64], Array, Array]:
    """Group and area of each noticeable line of a phase as the library has it, and profiles of groups and the rest."""
    trial, state = fit.trials[index].plain, fit.states[index]
    q = trial.design @ state.metric
    placed = []
    for wavelength, share in observed.lines:
        s = wavelength * np.sqrt(np.maximum(q, 1e-9)) / 2
        theta = np.arcsin(np.minimum(s, 0.999))
        two_theta = np.degrees(2 * theta)
        width = np.maximum(fit.width + state.size / np.cos(theta) + state.strain * np.tan(theta), LOWEST_WIDTH)
        area = fit.scales[index] * share * trial.sticks.strength
        area = np.where(s < 0.999, area * lorentz_polarisation(two_theta, observed.monochromator), 0.0)
        placed.append((fit.places(theta), width, area))
    where, width, area = placed[0]
    order = lines[np.argsort(where[lines], kind="stable")]
    number = np.concatenate([[0], np.cumsum(np.diff(where[order]) > TOGETHER * width[order][:-1])])
    group = np.full(len(q), number[-1] + 1)
    group[order] = number
    position, widths, areas = (np.concatenate([line[k] for line in placed]) for k in range(3))
    rows = _rows(observed.x, position, widths, areas, np.tile(group, len(placed)), int(number[-1]) + 2, fit.mixing)
    return group[lines], area[lines] + 1e-12 * area.max(), rows


@compiled(fastmath=True)
def _rows(x: Array, position: Array, width: Array, area: Array, group: Array, count: int, mixing: float) -> Array:
    """Profiles of groups of lines, ``(count, n)``."""
    n = len(x)
    step = (x[n - 1] - x[0]) / (n - 1)
    rows = np.zeros((count, n))
    for peak in range(len(position)):
        w, p, a, g = width[peak], position[peak], area[peak], group[peak]
        low, high = max(int((p - 10 * w - x[0]) / step), 0), min(int((p + 10 * w - x[0]) / step) + 2, n)
        for i in range(low, high):
            u = (x[i] - p) / w
            gauss = 0.9394372786996513 * np.exp(-2.772588722239781 * u * u)
            rows[g, i] += a / w * ((1.0 - mixing) * gauss + mixing * 0.6366197723675814 / (1.0 + 4.0 * u * u))
    return rows
