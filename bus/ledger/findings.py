"""What a check of a ledger has found."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

MAX_TOLD = 50
"""Problems of each kind that are told one by one; the rest is counted."""


class Kind(StrEnum):
    """What is wrong."""

    CHECKPOINT = "checkpoint"
    """The checkpoint is missing or cannot be read."""
    SIGNATURE = "signature"
    """Nobody trusted has signed it, or a signature is wrong."""
    COSIGNATURE = "cosignature"
    """A witness that was asked for has not cosigned it."""
    MISSING = "missing"
    """A file is not there."""
    DAMAGED = "damaged"
    """A file has another length than it must have."""
    ENTRY = "entry"
    """An entry is not the one that was signed."""
    TILE = "tile"
    """A tile is not the one that was signed."""
    ROOT = "root"
    """Entries and tiles agree, and are not what was signed: everything was made anew."""
    SEQUENCE = "sequence"
    """An entry does not stand at its place."""
    EVENT = "event"
    """An entry holds no event that obeys its schema."""
    NEWER = "newer"
    """A newer Athanor has written it."""
    SUBJECT = "subject"
    """An event was published under a subject that is not its own."""
    ID = "id"
    """An event stands under the id of another one."""
    FORGED = "forged"
    """Somebody has said it who may not, or it lacks the signature of who may."""
    ARTEFACT = "artefact"
    """An artefact is missing, or is not the one that an event names."""
    CAUSE = "cause"
    """The cause of an event does not stand before it."""
    STRAY = "stray"
    """A file stands where readers look for a tile or bundle, and nobody has signed what is in it."""
    ROLLBACK = "rollback"
    """The ledger is shorter than somebody has seen it."""
    SPLIT = "split view"
    """The ledger tells another past than somebody has seen."""
    FOREIGN = "foreign"
    """It is another ledger."""
    STREAM = "stream"
    """The stream is not what the ledger says."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong."""

    index: int | None
    """Where: the index of an entry, from 0; none when it concerns the ledger as a whole."""
    kind: Kind
    """What."""
    detail: str
    """In a sentence for people."""


@dataclass
class Findings:
    """Problems as they are found."""

    problems: list[Problem] = field(default_factory=list)
    """Those that are told."""
    untold: int = 0
    """How many more there are."""
    notes: list[str] = field(default_factory=list)
    """What is no fault and worth knowing."""

    def add(self, index: int | None, kind: Kind, detail: str) -> None:
        """Keeps a problem."""
        if sum(problem.kind is kind for problem in self.problems) < MAX_TOLD:
            self.problems.append(Problem(index, kind, detail))
        else:
            self.untold += 1

    def any(self, *kinds: Kind) -> bool:
        """Whether there is a problem of one of these kinds."""
        return any(problem.kind in kinds for problem in self.problems)


@dataclass(frozen=True)
class Verdict:
    """What came of a check."""

    origin: str
    """Which log."""
    size: int
    """Entries that its checkpoint vouches for."""
    root: bytes
    """Root over them, as signed."""
    problems: tuple[Problem, ...]
    """What is wrong, the first bad index first."""
    untold: int = 0
    """Problems beyond those."""
    signers: tuple[str, ...] = ()
    """Verifier keys of the log that have signed."""
    witnesses: tuple[tuple[str, int], ...] = ()
    """Verifier keys of witnesses that have cosigned, each with its time."""
    compared: int = 0
    """Messages of the stream that were compared."""
    said: tuple[tuple[str, int, int], ...] = ()
    """Speakers, each with how many events his key has signed, and how many are unsigned."""
    artefacts: int = 0
    """Artefacts whose content was compared with the digest that an event names."""
    notes: tuple[str, ...] = ()
    """What is no fault and worth knowing."""

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems

    @property
    def judged(self) -> bool:
        """Whether the answer is one: not so when all that is wrong is that a newer Athanor has written it."""
        return self.ok or any(problem.kind is not Kind.NEWER for problem in self.problems)

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "ok": self.ok,
            "origin": self.origin,
            "size": self.size,
            "root": self.root.hex(),
            "signers": list(self.signers),
            "witnesses": [{"key": key, "time": time} for key, time in self.witnesses],
            "compared": self.compared,
            "said": {name: {"signed": signed, "unsigned": unsigned} for name, signed, unsigned in self.said},
            "artefacts": self.artefacts,
            "notes": list(self.notes),
            "problems": [{"index": p.index, "kind": str(p.kind), "detail": p.detail} for p in self.problems],
            "more_problems": self.untold,
        }


def in_order(problems: list[Problem]) -> tuple[Problem, ...]:
    """The cause before what follows from it.

    That nobody has signed what is checked comes first; then the first bad index, and of what is wrong there what led to
    the rest; what else concerns the ledger as a whole comes last.
    """
    return tuple(
        sorted(problems, key=lambda p: (p.kind not in _FIRST, p.index is None, p.index or 0, _RANKS.get(p.kind, 0)))
    )


DAMAGE = (Kind.MISSING, Kind.DAMAGED, Kind.ENTRY, Kind.TILE, Kind.ROOT)
"""What is wrong with files; other things follow from it."""
_FIRST = (Kind.CHECKPOINT, Kind.SIGNATURE)
_CONTENTS = (Kind.SEQUENCE, Kind.EVENT, Kind.NEWER, Kind.SUBJECT, Kind.FORGED, Kind.ID, Kind.CAUSE, Kind.ARTEFACT)
_OTHERS = (Kind.ROLLBACK, Kind.SPLIT, Kind.STREAM, Kind.STRAY, Kind.COSIGNATURE, Kind.FOREIGN)
_RANKS = {kind: rank for rank, kind in enumerate((*DAMAGE, *_CONTENTS, *_OTHERS))}
