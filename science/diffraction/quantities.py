"""Weight fractions, cells and crystallite sizes with standard uncertainties that mean what they say.

The covariance of the fit alone is too sure: neighbouring points share their errors, which costs a factor of
the points in half a line width (Bérar & Lelann 1991, doi:10.1107/S0021889890008391); what is known of the zero
beforehand counts as it is, because without it zero, displacement and cell cannot be told apart. Weight fractions are
moreover limited by what no profile shows: line intensities that stray with texture, and microabsorption.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from science.crystals.crystal import Crystal
from science.diffraction.evidence import Evidence, typical_width
from science.diffraction.fit import Fit, Observed
from science.diffraction.refine import beforehand, evaluated, jacobian
from science.diffraction.sticks import dispersion, lattice_of

Array = NDArray[np.float64]

WIDTH_PLACE = 3
"""Where the instrument's width stands among the parameters, see `refine.jacobian`."""
ELECTRON_RADIUS = 2.8179403e-5
"""Å."""
GRAIN = 2.0
"""Diameter in µm that grains of a ground powder are taken to have: most have 1 to 5 (Klug & Alexander 1974)."""
GRAIN_LOG_SD = float(np.log(2))
"""Standard deviation of its logarithm: from half to twice that, for each phase by itself."""
SCALE_ERROR = 0.04
"""Relative error of a scale by temperature factors and structure models."""
DIRECTIONS = 8
"""Directions of a crystal that stray by themselves, however many lines there are: texture is smooth, and its
harmonics up to the fourth or sixth order are about as many (Bunge 1982, Texture Analysis in Materials Science)."""
SCHERRER = 0.9
SMALLEST_SIZE_WIDTH = 0.02
"""Degrees of 2θ that crystallites must add to lines before their size is told."""
INSTRUMENT_WIDTH, INSTRUMENT_WIDTH_SD = 0.07, 0.03
"""Full width in degrees of the lines of a diffractometer, and how far those of laboratories differ from it: without
it nothing could be said of sizes, because instruments and crystallites broaden lines at every angle alike."""


@dataclass(frozen=True)
class Uncertainties:
    """Standard uncertainties, one entry a phase.

    Attributes:
        fractions: of the weight fractions.
        lattices: of the six cell parameters in Å and degrees.
        sizes: crystallite sizes in nm; none where the lines are not broadened.
        size_errors: theirs.
    """

    fractions: tuple[float, ...]
    lattices: tuple[tuple[float, ...], ...]
    sizes: tuple[float | None, ...]
    size_errors: tuple[float | None, ...]


def absorption(crystal: Crystal, wavelength: float) -> float:
    """Linear absorption coefficient in 1/Å: photoabsorption 2 r λ f″ of every atom over the volume of the cell."""
    total = sum(s.occupancy * dispersion(s.element, wavelength).imag for s in crystal.sites)
    return 2 * ELECTRON_RADIUS * wavelength * total / crystal.lattice.volume


def contrasts(fit: Fit, wavelength: float, grain: float = GRAIN) -> Array:
    """How much more each phase absorbs in a grain than the mixture does, ``(phases,)``: (μ − mean μ) × diameter.

    Brindley 1945, doi:10.1080/14786444508520918: from about 0.1 on, weight fractions are off by as much.
    """
    return _contrasts(fit, fit.weight_fractions(), wavelength, grain)


def _contrasts(fit: Fit, fractions: Array, wavelength: float, grain: float) -> Array:
    mu = np.array([absorption(t.crystal, wavelength) for t in fit.trials])
    density = np.array([t.crystal.density for t in fit.trials])
    volumes = fractions / density
    mean = float(volumes @ mu / max(volumes.sum(), 1e-12))
    return np.asarray((mu - mean) * grain * 1e4)


def brightness(contrast: Array) -> Array:
    """Share of its intensity that a grain shows which absorbs more than what is around it, above 1 if it absorbs less.

    The mean of exp(−t c) over a sphere, with the chord c through each point in diameters and contrast t (Brindley
    1945, doi:10.1080/14786444508520918; the way in and out is as long at every angle but for terms in t²).
    """
    t = np.where(np.abs(contrast) < 1e-2, 1.0, contrast)
    exact = 3 / t**3 * (2 - np.exp(-t) * (t * t + 2 * t + 2))
    return np.asarray(np.where(np.abs(contrast) < 1e-2, 1 - 0.75 * contrast + 0.3 * contrast**2, exact))


def weight_fractions(fit: Fit, wavelength: float, grain: float = GRAIN) -> Array:
    """Weight fractions ``(phases,)``, corrected for microabsorption in grains of that diameter in µm."""
    seen = fractions = fit.weight_fractions()
    if not fractions.sum() > 0:
        return seen
    for _ in range(20):
        true = seen / brightness(np.clip(_contrasts(fit, fractions, wavelength, grain), -3, 3))
        fractions = true / true.sum()
    return np.asarray(fractions)


def uncertainties(fit: Fit, observed: Observed, evidence: Evidence, grain: float = GRAIN) -> Uncertainties:
    """Standard uncertainties of a refined fit.

    Args:
        fit: at its minimum.
        observed: the pattern.
        evidence: of the fit; how far its line intensities stray.
        grain: diameter in µm for which the weight fractions are corrected.
    """
    columns = evaluated(fit, observed)
    rows, places = jacobian(fit, columns)
    weighted = np.vstack([rows, np.array([c[0] for c in columns]), observed.basis.T]) / observed.sigma
    norms = np.linalg.norm(weighted, axis=1) + 1e-300
    gram = (weighted / norms[:, None]) @ (weighted / norms[:, None]).T
    scatter = _scatter(weighted / norms[:, None] * ((observed.y - fit.calculated) / observed.sigma), fit, observed)
    known = np.zeros_like(gram)
    if len(rows):  # of the shared parameters, which come first, something is known besides the pattern
        shared = [j for index, j in places if index < 0]
        first = norms[: len(shared)]
        known[: len(shared), : len(shared)] = beforehand(observed, shared) / np.outer(first, first)
    inverse = np.linalg.pinv(gram + known, rcond=1e-10, hermitian=True)
    covariance = inverse @ (scatter + known) @ inverse / np.outer(norms, norms)
    lattices, sizes, size_errors = [], [], []
    for n in range(len(fit.trials)):
        at = {j: k for k, (index, j) in enumerate(places) if index == n}
        metric = [at[j] for j in sorted(at) if j >= 5]
        lattices.append(_lattice_errors(fit, n, covariance[np.ix_(metric, metric)]) if metric else (0.0,) * 6)
        size, error = _crystallites(fit, n, at.get(3), covariance, observed.lines[0][0])
        sizes.append(size)
        size_errors.append(error)
    scales = slice(len(rows), len(rows) + len(fit.trials))
    relative = np.diag(covariance)[scales] / np.maximum(fit.scales, 1e-300) ** 2
    relative = relative + SCALE_ERROR**2 + evidence.strayed**2 / np.clip(evidence.lines, 1, DIRECTIONS)
    wavelength = observed.lines[0][0]
    fractions = weight_fractions(fit, wavelength, grain)
    relative += (GRAIN_LOG_SD * np.log(brightness(_contrasts(fit, fractions, wavelength, grain)))) ** 2
    return Uncertainties(_fraction_errors(fractions, relative), tuple(lattices), tuple(sizes), tuple(size_errors))


def _scatter(pulls: Array, fit: Fit, observed: Observed) -> Array:
    """How far the misfit pulls at each pair of parameters, ``(m, m)``: residuals of a line are taken together.

    Sums over blocks as long as two lines are wide, which stand for themselves, whatever the errors within them are
    (Newey & West 1987, doi:10.2307/1913610, in blocks; two sets of blocks that overlap).

    Args:
        pulls: ``(m, n)`` weighted derivative times weighted residual.
        fit: at its minimum.
        observed: the pattern.
    """
    long = max(round(2 * typical_width(fit) / float(observed.x[1] - observed.x[0])), 2)
    total = np.zeros((len(pulls), len(pulls)))
    for first in (0, long // 2):
        sums = np.add.reduceat(pulls[:, first:], np.arange(0, pulls.shape[1] - first, long), axis=1)
        total += sums @ sums.T / 2
    return np.asarray(total * (pulls.shape[1] / max(pulls.shape[1] - len(pulls), 1)), float)


def _fraction_errors(w: Array, relative: Array) -> tuple[float, ...]:
    """Of w = s / Σ s, from relative variances of independent s: var w = w² ((1 − 2 w) v + Σ w² v)."""
    variance = w**2 * ((1 - 2 * w) * relative + (w**2 * relative).sum())
    return tuple(float(v) for v in np.sqrt(np.maximum(variance, 0)))


def _lattice_errors(fit: Fit, n: int, covariance: Array) -> tuple[float, ...]:
    """Of the cell parameters, by the derivatives of the cell by its free metric."""
    crystal, metric = fit.trials[n].crystal, fit.states[n].metric
    centre = np.array(fit.lattice(n).parameters)
    slopes = []
    for k in range(len(metric)):
        moved, step = metric.copy(), 1e-6 * max(abs(metric[k]), 1e-3)
        moved[k] += step
        slopes.append((np.array(lattice_of(moved, crystal).parameters) - centre) / step)
    slope = np.array(slopes).T
    return tuple(float(v) for v in np.sqrt(np.maximum(np.einsum("ik,kl,il->i", slope, covariance, slope), 0)))


def _crystallites(
    fit: Fit, n: int, at: int | None, covariance: Array, wavelength: float
) -> tuple[float | None, float | None]:
    """Crystallite size of a phase in nm, by what is known of instruments beside the fit.

    Args:
        fit: at its minimum.
        n: the phase.
        at: where its size width stands in the covariance.
        covariance: of the fit, without anything known of the instrument.
        wavelength: Å.
    """
    if at is None:
        return None, None
    shared = float(covariance[WIDTH_PLACE, WIDTH_PLACE]) + INSTRUMENT_WIDTH_SD**2
    gain = covariance[:, WIDTH_PLACE] / shared
    more = INSTRUMENT_WIDTH - fit.width
    width = float(fit.states[n].size + gain[at] * more)
    instrument = max(float(fit.width + gain[WIDTH_PLACE] * more), 0.0)
    variance = float(covariance[at, at] - gain[at] * covariance[WIDTH_PLACE, at])
    return _size(width, max(variance, 0.0) ** 0.5, wavelength, instrument)


def _size(width: float, error: float, wavelength: float, instrument: float) -> tuple[float | None, float | None]:
    """Crystallite size in nm by Scherrer's equation from the width in degrees that grows as 1/cos θ.

    What crystallites add to a line is as much as they are wide if the instrument's lines are Lorentzian, and about
    half if they are Gaussian and wider (Olivero & Longbothum 1977, doi:10.1016/0022-4073(77)90161-3): the truth is
    taken to lie between.
    """
    if width < max(SMALLEST_SIZE_WIDTH, 2 * error):
        return None, None
    total = width + instrument
    root = (1.0692 * total) ** 2 - 4 * 0.0692 * (total**2 - instrument**2)
    wide = (1.0692 * total - root**0.5) / (2 * 0.0692)
    middle, spread = (width + wide) / 2, (wide - width) / 12**0.5
    size = SCHERRER * wavelength / float(np.radians(middle)) / 10
    return size, size * float(np.hypot(error / width, spread / middle))
