"""Fits a set of phases to a pattern: scales and background by linear algebra, the rest by Gauss–Newton.

Variable projection (Golub & Pereyra 1973, doi:10.1137/0710036) with analytic derivatives: zero,
displacement, axial divergence, peak mixing and instrument width are shared; each phase has its free cell parameters, a
crystallite-size and a strain width. The error model is inflated by a share of the net intensity, because
real profiles differ from pseudo-Voigts by more than counting noise.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache

import numpy as np
from numpy.typing import NDArray

from science.diffraction.fit import Fit, Observed, Weighted, lengths
from science.diffraction.lineshapes import Columns, phase_columns

Array = NDArray[np.float64]

_SHARED = 5  # zero, displacement, mixing, instrument width, axial divergence
LEAN, LEAN_SHIFT = 0.83, 1.11
"""What axial divergence is taken for where only the places of lines are looked at: between 25 and 90° −cot(2θ) / 6 is
about 0.83 − 1.11 cos θ, so much zero and the other way displacement."""
ZERO_ROOM = 0.25
"""Degrees by which the zero may leave what is known of it."""


def _solve(profiles: Array, observed: Observed) -> tuple[Array, Array]:
    """Non-negative scales and free background coefficients of the weighted least-squares problem."""
    columns, norms = _beside(observed.weighted_basis, [profiles * (1 / observed.sigma)])
    gram, right = columns @ columns.T, columns @ observed.weighted_counts
    active = list(range(len(columns)))
    while True:
        among = gram if len(active) == len(gram) else gram[np.ix_(active, active)]
        part = np.linalg.solve(among + _ridge(len(active)), right[active])
        negative = [(c, a) for c, a in zip(part, active, strict=True) if a < len(profiles) and c < 0]
        if not negative:
            break
        active.remove(min(negative)[1])
    coefficients = np.zeros(len(columns))
    coefficients[active] = part
    coefficients /= norms
    return coefficients[: len(profiles)], coefficients[len(profiles) :]


def _beside(basis: Weighted, rows: Sequence[Array]) -> tuple[Array, Array]:
    """Rows above those of the background, each over its length, and the lengths.

    Args:
        basis: of the background.
        rows: blocks ``(m, n)``, weighted.
    """
    count = sum(map(len, rows))
    unit, norms = np.empty((count + len(basis.unit), basis.unit.shape[1])), np.empty(count + len(basis.unit))
    np.concatenate(rows, out=unit[:count])
    norms[:count] = lengths(unit[:count]) + 1e-300
    unit[:count] /= norms[:count, None]
    unit[count:], norms[count:] = basis.unit, basis.norms
    return unit, norms


@cache
def _ridge(size: int) -> Array:
    return 1e-8 * np.eye(size)


def _evaluate(fit: Fit, observed: Observed, basis: Array, held: Sequence[Columns] = ()) -> list[Columns]:
    """Fills in scales, parts, background and chi2; returns the columns for the derivatives.

    The first phases may be held: their columns are those of an earlier call.
    """
    columns = [*held, *(phase_columns(fit, observed, n) for n in range(len(held), len(fit.trials)))]
    profiles = np.array([c[0] for c in columns]) if columns else np.zeros((0, len(observed.x)))
    fit.scales, background = _solve(profiles, observed)
    fit.parts = fit.scales[:, None] * profiles
    fit.background = basis @ background
    misfit = float((((observed.y - fit.calculated) / observed.sigma) ** 2).sum())
    (zero, zero_error), (axial, axial_error) = observed.zero, observed.axial
    fit.chi2 = misfit + ((fit.zero + observed.lean * fit.axial - zero) / zero_error) ** 2
    fit.chi2 += ((fit.axial - axial) / axial_error) ** 2
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
        rows = [jacobian / observed.sigma, np.array([c[0] for c in columns]) / observed.sigma]
        weighted, norms = _beside(observed.basis_over_errors, rows)
        residual = (observed.y - best.calculated) / observed.sigma
        gram, right = weighted @ weighted.T, weighted @ residual
        if not only_newest:
            shared = norms[: len(moved)]
            known = beforehand(observed, moved)
            gram[: len(moved), : len(moved)] += known / np.outer(shared, shared)
            (zero, _), (axial, _) = observed.zero, observed.axial
            leaning = observed.lean * (axial if tails else best.axial)  # the zero answers for one that does not move
            off = {0: best.zero - zero + leaning, 4: best.axial - axial}
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
    known += np.diag([1 / observed.axial[1] ** 2 if j == 4 else 0.0 for j in moved])
    return np.asarray(known)


def evaluated(fit: Fit, observed: Observed) -> list[Columns]:
    """The columns of a refined fit: what it would answer to changes of its parameters."""
    return [phase_columns(fit, observed, n) for n in range(len(fit.trials))]


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
        start, room = trial.start[j - 5], trial.room(trial.max_strain)[j - 5]
        state.metric[j - 5] = float(np.clip(state.metric[j - 5] + value, start - room, start + room))
