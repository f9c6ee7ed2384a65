"""The training snapshot: what was made and what it became, immutable and hashed."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from science.designs import Design
from science.surrogate.errors import ArtefactError

Array = NDArray[np.float64]
COMPONENTS = ("lattice", "phase_fraction", "cubicity", "heterogeneity")
"""Measured quantities that are modelled: Å, share, 0–1, relative."""
FOLDS = 5
"""Parts of the labels that are left out in turn, to see what the others say of them."""
MEDIA_TYPE = "application/vnd.athanor.dataset+json"


@dataclass(frozen=True)
class Labelled:
    """One label: a design and what was measured; NaN where nothing could be measured."""

    sample: str
    design: Design
    lattice: float
    phase_fraction: float
    cubicity: float
    heterogeneity: float


@dataclass(frozen=True)
class Dataset:
    """Labels in the order in which they were recorded."""

    rows: tuple[Labelled, ...]

    def features(self) -> Array:
        """``(n, d)`` numbers of all designs."""
        return np.array([r.design.features() for r in self.rows])

    def values(self, component: str) -> Array:
        """``(n,)`` measured values, NaN where there is none."""
        return np.array([getattr(r, component) for r in self.rows], float)

    def to_bytes(self) -> bytes:
        """Canonical JSON: the same labels give the same bytes, everywhere."""
        rows = [
            {
                "sample": r.sample,
                "design": asdict(r.design),
                **{c: None if np.isnan(getattr(r, c)) else float(getattr(r, c)) for c in COMPONENTS},
            }
            for r in self.rows
        ]
        return json.dumps({"format": 1, "rows": rows}, sort_keys=True, separators=(",", ":")).encode()

    @property
    def sha256(self) -> str:
        """Digest of the canonical bytes."""
        return hashlib.sha256(self.to_bytes()).hexdigest()

    @classmethod
    def from_bytes(cls, content: bytes) -> Dataset:
        """The dataset in these bytes.

        Raises:
            ArtefactError: they are none.
        """
        try:
            document = json.loads(content)
            if document["format"] != 1:
                raise ArtefactError(f"Expected a dataset of format 1, got {document['format']!r}.")
            return cls(tuple(_row(r) for r in document["rows"]))
        except (ValueError, KeyError, TypeError) as error:
            raise ArtefactError(f"Expected a dataset, got: {error!r}.") from error


def _row(row: dict[str, object]) -> Labelled:
    fields = dict(row["design"])  # type: ignore[call-overload]
    for site in ("a_site", "b_site"):
        fields[site] = tuple((str(e), int(n)) for e, n in fields[site])
    numbers = {c: float("nan") if row[c] is None else float(row[c]) for c in COMPONENTS}  # type: ignore[arg-type]
    return Labelled(sample=str(row["sample"]), design=Design(**fields), **numbers)
