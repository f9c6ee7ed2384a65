"""What the events of a ledger say together: each stands after its cause, and none says two things under one id."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from uuid import UUID

from bus.ledger.entry import Digest, decode_entry
from bus.ledger.errors import EntryError
from bus.ledger.examining import NOBODY, UNTOLD, Artefact, Examined, Examiner, Faultless, Message
from bus.ledger.findings import Findings, Kind
from bus.signing import split
from bus.subjects import is_dead_letter

_BUCKETS, _SHORT = 1 << 16, 14
_ID = len(NOBODY)


class Identities:
    """A set of event ids, 16 bytes each, that takes about as much memory as they have bytes.

    Python's own set would take six times as much; a year of a busy lab has millions.
    """

    def __init__(self) -> None:
        self._buckets = [b""] * _BUCKETS

    def add(self, identity: bytes) -> bool:
        """Adds an id; whether it is new."""
        if identity in self:
            return False
        self._buckets[identity[0] << 8 | identity[1]] += identity[2:]
        return True

    def __contains__(self, identity: bytes) -> bool:
        bucket, short = self._buckets[identity[0] << 8 | identity[1]], identity[2:]
        at = bucket.find(short)
        while at >= 0 and at % _SHORT:  # across the border of two neighbours
            at = bucket.find(short, at + 1)
        return at >= 0


class Events:
    """Looks at the entries of a ledger, in order.

    Attributes:
        said: (speaker, whether signed) → events.
        artefacts: digest → the first event that names it.
    """

    def __init__(self, findings: Findings) -> None:
        self.said: Counter[tuple[str, bool]] = Counter()
        self.artefacts: dict[bytes, Artefact] = {}
        self._findings = findings
        self._examiner = Examiner()
        self._seen = Identities()
        self._repeated: dict[str, int] = {}
        self._causeless: list[tuple[int, bytes]] = []
        self._missed = False

    def know(self, rolls: Iterable[Message]) -> None:
        """Takes the rolls of the log before their places are reached."""
        self._examiner = Examiner(rolls)

    def miss(self) -> None:
        """Some entries cannot be looked at: whose cause is nowhere may have had it there."""
        self._missed = True

    def look(self, index: int, content: bytes) -> None:
        """Looks at one entry."""
        told = self._examiner.look(index, content)
        for problem in told.problems:
            self._findings.add(problem.index, problem.kind, problem.detail)
        self._missed |= told.missed
        if told.speaker:
            self.said[told.speaker, told.signed] += 1
        self._refer(told.artefacts)
        self._place(index, told)

    def take(self, start: int, told: Faultless) -> None:
        """Takes a whole bundle that somebody has examined."""
        self.said.update(told.said)
        self._refer(told.artefacts)
        identities, causes, seen = told.identities, told.causes, self._seen
        for at in range(0, len(identities), _ID):
            cause, identity = causes[at : at + _ID], identities[at : at + _ID]
            if cause != NOBODY and cause not in seen:
                self._causeless.append((start + at // _ID, cause))
            if identity != NOBODY and not seen.add(identity):
                self._repeated[str(UUID(bytes=identity))] = start + at // _ID

    def _place(self, index: int, told: Examined) -> None:
        if told.cause != NOBODY and told.cause not in self._seen:
            self._causeless.append((index, told.cause))
        if (told.is_event or told.identity != NOBODY) and not self._seen.add(told.identity) and told.is_event:
            self._repeated[str(UUID(bytes=told.identity))] = index

    def _refer(self, artefacts: Iterable[Artefact]) -> None:
        for artefact in artefacts:
            digest = bytes.fromhex(artefact.sha256)
            first = self.artefacts.setdefault(digest, artefact)
            if first.size == UNTOLD:
                self.artefacts[digest] = artefact._replace(said_at=first.said_at)
            elif artefact.size not in {first.size, UNTOLD}:
                self._findings.add(
                    artefact.said_at,
                    Kind.ARTEFACT,
                    f"Expected {artefact.name} (SHA-256 {artefact.sha256}) to have {first.size} bytes, as the event "
                    f"at index {first.said_at} says, got {artefact.size}.",
                )

    def finish(self, entries: Iterator[bytes]) -> None:
        """Says what can only be known at the end.

        Args:
            entries: all entries once more; only read when an id was seen twice.
        """
        for index, cause in self._causeless:
            behind = cause in self._seen
            if self._missed and not behind:
                continue
            fate = "it stands behind its effect" if behind else "it is not in the ledger"
            name = UUID(bytes=cause)
            self._findings.add(index, Kind.CAUSE, f"Expected the cause {name} before index {index}; {fate}.")
        if self._repeated:
            self._compare_repetitions(entries)

    def _compare_repetitions(self, entries: Iterator[bytes]) -> None:
        """An event that was said again, after the broker had forgotten the first time, must say the same.

        A key may have been exchanged in between, so what is compared is what was said and not the signature on it.
        """
        first: dict[str, tuple[int, bytes | Digest]] = {}
        for index, content in enumerate(entries):
            try:
                entry = decode_entry(content)
            except EntryError:
                continue
            if isinstance(entry.id, Digest) or entry.id not in self._repeated or is_dead_letter(entry.subject):
                continue
            body = entry.payload if isinstance(entry.payload, Digest) else split(entry.payload)[0]
            began, said = first.setdefault(entry.id, (index, body))
            if said != body:
                self._findings.add(
                    index,
                    Kind.ID,
                    f"Expected event {entry.id} to say what it said at index {began}, got other content.",
                )
