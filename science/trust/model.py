"""The trust model: novelty scores and the calibration labels of each family, in one archive."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from science.problem import Problem
from science.surrogate.archive import expect_properties, pack, unpack
from science.surrogate.components import ComponentModel
from science.surrogate.dataset import Dataset
from science.surrogate.errors import ArtefactError
from science.trust.ensemble import LAYERS, Ensemble
from science.trust.novelty import NoveltyModel, fit_novelty

Array = NDArray[np.float64]
KIND = "trust-model"
LEFT_OUT = "left out/"


@dataclass(frozen=True)
class TrustModel:
    """Novelty, and the calibration labels of each family.

    Attributes:
        novelty: what scores are taken against.
        families: of each measured sample.
        left_out: component → ``(n,)`` leave-one-out predictions, NaN where nothing was measured.
        measured: component → ``(n,)`` measured values.
    """

    novelty: NoveltyModel
    families: tuple[str, ...]
    left_out: dict[str, Array]
    measured: dict[str, Array]

    def calibration(self, component: str, family: str) -> tuple[Array, Array]:
        """Leave-one-out predictions and measured values of one family, each ``(n,)``."""
        left_out, measured = self.left_out[component], self.measured[component]
        mine = np.array([f == family for f in self.families], bool) & np.isfinite(left_out) & np.isfinite(measured)
        return left_out[mine], measured[mine]

    def to_bytes(self) -> bytes:
        """An archive without pickles."""
        n = self.novelty
        arrays: dict[str, Array] = {
            "inputs": n.inputs, "latents": n.latents, "mean": n.mean, "precision": n.precision,
        }  # fmt: skip
        for layer, (weights, biases) in enumerate(zip(n.ensemble.weights, n.ensemble.biases, strict=True)):
            arrays[f"weights/{layer}"], arrays[f"biases/{layer}"] = weights, biases
        for name in self.left_out:
            arrays[f"{LEFT_OUT}{name}"], arrays[f"measured/{name}"] = self.left_out[name], self.measured[name]
        note = {
            "thresholds": n.thresholds,
            "typical": n.typical_disagreement,
            "elements": n.elements,
            "families": self.families,
        }
        return pack(KIND, note, arrays)

    @classmethod
    def from_bytes(cls, content: bytes, problem: Problem) -> TrustModel:
        """The model in these bytes.

        Args:
            content: an archive.
            problem: that it was fitted for.

        Raises:
            ArtefactError: they are none, or one that was fitted for other properties.
        """
        note, arrays = unpack(KIND, content)
        calibrated = (key.removeprefix(LEFT_OUT) for key in arrays if key.startswith(LEFT_OUT))
        expect_properties(KIND, problem.gated, calibrated)
        try:
            novelty = NoveltyModel(
                ensemble=Ensemble(
                    tuple(arrays[f"weights/{layer}"] for layer in range(LAYERS)),
                    tuple(arrays[f"biases/{layer}"] for layer in range(LAYERS)),
                ),
                inputs=arrays["inputs"],
                latents=arrays["latents"],
                mean=arrays["mean"],
                precision=arrays["precision"],
                thresholds={str(k): float(v) for k, v in note["thresholds"].items()},
                typical_disagreement=float(note["typical"]),
                elements=tuple(note["elements"]),
            )
            return cls(
                novelty,
                tuple(note["families"]),
                {name: arrays[f"{LEFT_OUT}{name}"] for name in problem.gated},
                {name: arrays[f"measured/{name}"] for name in problem.gated},
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ArtefactError(f"Expected the parts of a {KIND}, got {error!r}. Train it again.") from error


def fit_trust(dataset: Dataset, model: ComponentModel, percentile: float, problem: Problem) -> TrustModel:
    """Fits novelty scores and gathers the calibration labels.

    Args:
        dataset: the labels that the component model was fitted on.
        model: the component model.
        percentile: of the measured samples' scores, above which a score counts as exceeded.
        problem: that the model was fitted for.

    Raises:
        TooFewObservationsError: fewer than six samples.
    """
    predicted = {name: model.components[name].left_out() for name in problem.gated}
    return trust_of(dataset, predicted, fit_novelty(dataset, percentile, problem), problem)


def trust_of(dataset: Dataset, predicted: Mapping[str, Array], novelty: NoveltyModel, problem: Problem) -> TrustModel:
    """The trust model of parts that were worked out by themselves.

    Args:
        dataset: the labels.
        predicted: component → what the others predict of each sample on which it was measured.
        novelty: what novelty scores are taken against.
        problem: says how candidates are grouped.
    """
    left_out, measured = {}, {}
    for name in predicted:
        measured[name] = dataset.values(name)
        left_out[name] = np.full(len(dataset.rows), np.nan)
        left_out[name][np.isfinite(measured[name])] = predicted[name]
    families = tuple(problem.family_of(r.design.sites) for r in dataset.rows)
    return TrustModel(novelty, families, left_out, measured)
