"""The training snapshot: what was made and what it became, immutable and hashed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from science.designs import Design
from science.surrogate.errors import ArtefactError

Array = NDArray[np.float64]
FOLDS = 5
"""Parts of the labels that are left out in turn, to see what the others say of them."""
MEDIA_TYPE = "application/vnd.athanor.dataset+json"
TAKEN = frozenset({"sample", "design"})
"""Names in a row of a snapshot that no property can have, because its values stand beside them."""


@dataclass(frozen=True)
class Labelled:
    """One label.

    Attributes:
        sample: its vial.
        design: what was made.
        values: property → what was measured; NaN where it could not be.
    """

    sample: str
    design: Design
    values: Mapping[str, float]

    def __post_init__(self) -> None:
        """A value under a name that is taken would be lost in the snapshot."""
        if clash := sorted(TAKEN & self.values.keys()):
            raise ValueError(f"expected properties of other names than {', '.join(clash)}, got values of them")


@dataclass(frozen=True)
class Dataset:
    """Labels in the order in which they were recorded."""

    rows: tuple[Labelled, ...]

    def features(self) -> Array:
        """``(n, d)`` numbers of all designs."""
        return np.array([r.design.features() for r in self.rows])

    def values(self, name: str) -> Array:
        """``(n,)`` measured values of a property, NaN where there is none.

        Raises:
            ArtefactError: nobody looked at it on some sample.
        """
        if strange := next((r for r in self.rows if name not in r.values), None):
            got = ", ".join(strange.values) or "nothing"
            raise ArtefactError(f"Expected a dataset with values of {name}, got {got} of {strange.sample}.")
        return np.array([r.values[name] for r in self.rows], float)

    def to_bytes(self) -> bytes:
        """Canonical JSON: the same labels give the same bytes, everywhere."""
        rows = [
            {
                "sample": r.sample,
                "design": asdict(r.design),
                **{name: None if np.isnan(value) else float(value) for name, value in r.values.items()},
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


def _row(row: dict[str, Any]) -> Labelled:
    fields = dict(row["design"])
    for site in ("a_site", "b_site"):
        fields[site] = tuple((str(e), int(n)) for e, n in fields[site])
    values = {n: float("nan") if told is None else float(told) for n, told in row.items() if n not in TAKEN}
    return Labelled(sample=str(row["sample"]), design=Design(**fields), values=values)
