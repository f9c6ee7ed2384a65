"""The decision: may this candidate be made, must it not, or must a human say?

Two of three out-of-distribution votes refuse for good; one vote, or a model that is sure of itself far
from everything measured, refuses until there is more data; too few labels or too wide an interval ask a
human; the rest is cleared.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from science.generation.designs import Design
from science.surrogate.archive import pack, unpack
from science.surrogate.components import ComponentModel, prior_mean
from science.surrogate.dataset import Dataset
from science.trust.conformal import Interval, interval
from science.trust.novelty import MEMBERS, VOTING, NoveltyModel, Score, _Net, fit_novelty

Array = NDArray[np.float64]
KIND = "trust-model"
GATED = ("lattice", "phase_fraction")
"""Components whose intervals are gated."""


@dataclass(frozen=True, slots=True)
class GateLimits:
    """What the gate demands: miscoverage, and the widest intervals in each component's unit."""

    alpha: float
    max_width: dict[str, float]


@dataclass(frozen=True)
class Assessment:
    """The decision and every number that it rests on."""

    outcome: str  # cleared, refused, hard-refused, escalated
    intervals: dict[str, Interval]
    scores: tuple[Score, ...]
    votes: int
    silent: bool
    reasons: tuple[str, ...]


@dataclass
class TrustModel:
    """Novelty, and the calibration labels of each family."""

    novelty: NoveltyModel
    families: tuple[str, ...]
    left_out: dict[str, Array]
    measured: dict[str, Array]

    def to_bytes(self) -> bytes:
        """An archive without pickles."""
        n = self.novelty
        arrays: dict[str, Array] = {
            "inputs": n.inputs, "latents": n.latents, "mean": n.mean, "precision": n.precision,
        }  # fmt: skip
        for i, net in enumerate(n.nets):
            for key, tensor in net.state_dict().items():
                arrays[f"net {i}/{key}"] = tensor.numpy()
        for name in GATED:
            arrays[f"left out/{name}"], arrays[f"measured/{name}"] = self.left_out[name], self.measured[name]
        note = {
            "thresholds": n.thresholds,
            "typical": n.typical_disagreement,
            "elements": n.elements,
            "families": self.families,
        }
        return pack(KIND, note, arrays)

    @classmethod
    def from_bytes(cls, content: bytes) -> TrustModel:
        """The model in these bytes.

        Raises:
            ArtefactError: they are none.
        """
        import torch

        note, arrays = unpack(KIND, content)
        nets = []
        for i in range(MEMBERS + 1):
            net = _Net(arrays["inputs"].shape[1], i)
            head = f"net {i}/"
            state = {k.removeprefix(head): torch.as_tensor(v) for k, v in arrays.items() if k.startswith(head)}
            net.load_state_dict(state)
            nets.append(net)
        novelty = NoveltyModel(
            nets,
            arrays["inputs"],
            arrays["latents"],
            arrays["mean"],
            arrays["precision"],
            note["thresholds"],
            note["typical"],
            tuple(note["elements"]),
        )
        return cls(
            novelty,
            tuple(note["families"]),
            {name: arrays[f"left out/{name}"] for name in GATED},
            {name: arrays[f"measured/{name}"] for name in GATED},
        )


def fit_trust(dataset: Dataset, model: ComponentModel, percentile: float) -> TrustModel:
    """Fits novelty scores and gathers the calibration labels.

    Raises:
        TooFewObservationsError: fewer than six samples.
    """
    designs = tuple(r.design for r in dataset.rows)
    left_out, measured = {}, {}
    for name in GATED:
        values = dataset.values(name)
        there = np.isfinite(values)
        filled = np.full(len(values), np.nan)
        filled[there] = model.components[name].left_out() + prior_mean(name, designs)[there]
        left_out[name], measured[name] = filled, values
    return TrustModel(fit_novelty(dataset, percentile), tuple(d.family for d in designs), left_out, measured)


def decide(
    intervals: dict[str, Interval], limits: GateLimits, *, votes: int, silent: bool, stranger: bool
) -> tuple[str, tuple[str, ...]]:
    """The decision table.

    Args:
        intervals: component → interval, or the statement that there is none.
        limits: what the gate demands.
        votes: how many of the three voting scores are exceeded.
        silent: the ensemble agrees, yet the design is far from everything measured.
        stranger: the design holds an element that was never measured.

    Returns:
        the outcome, and the reasons in sentences.
    """
    short = [n for n, i in intervals.items() if i.width is None]
    wide = [n for n, i in intervals.items() if i.width is not None and i.width > limits.max_width[n]]
    reasons = [f"{votes} of three out-of-distribution scores are exceeded"] if votes else []
    if silent:
        reasons.append("the ensemble agrees although nothing like it was measured: silent extrapolation")
    if stranger:
        reasons.append("it holds an element that was never measured here")
    reasons += [f"{n}: {intervals[n].basis}" for n in short]
    reasons += [f"{n}: the interval is {intervals[n].width:.3g} wide, {limits.max_width[n]:.3g} would do" for n in wide]
    if votes >= 2 and stranger:
        return "escalated", tuple(reasons)
    if votes >= 2:
        return "hard-refused", tuple(reasons)
    if stranger or (votes == 1 and (short or wide)):
        return "escalated", tuple(reasons)
    if votes == 1 or silent:
        return "refused", tuple(reasons)
    if short or wide:
        return "escalated", tuple(reasons)
    return "cleared", ("all intervals are narrow enough and no score is exceeded",)


def assess(design: Design, model: ComponentModel, trust: TrustModel, limits: GateLimits) -> Assessment:
    """The decision about one design."""
    predicted = model.predict((design,))
    family = design.family
    mine = np.array([f == family for f in trust.families], bool)
    intervals = {}
    for name in GATED:
        there = mine & np.isfinite(trust.left_out[name]) & np.isfinite(trust.measured[name])
        mean = float(predicted[name][0][0])
        intervals[name] = interval(mean, trust.left_out[name][there], trust.measured[name][there], family, limits.alpha)
    scores = trust.novelty.scores(design)
    by_name = {s.name: s for s in scores}
    votes = sum(by_name[name].exceeded for name in VOTING)
    calm = by_name["ensemble disagreement"].value < trust.novelty.typical_disagreement
    silent = bool(calm and by_name["design distance"].exceeded)
    stranger = by_name["element never seen"].exceeded
    outcome, reasons = decide(intervals, limits, votes=votes, silent=silent, stranger=stranger)
    return Assessment(outcome, intervals, scores, votes, silent, reasons)
