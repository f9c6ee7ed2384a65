"""What the events of a ledger say: each obeys its schema, stands at its place under its names, after its cause."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

from bus.codec import decode
from bus.ledger.entry import Digest, Entry, decode_entry
from bus.ledger.errors import EntryError, FutureEntryError
from bus.ledger.findings import Findings, Kind
from bus.subjects import is_dead_letter, subject_of
from contracts.errors import ContractError, FutureVersionError

_BUCKETS, _SHORT = 1 << 16, 14


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
    """Looks at the entries of a ledger, in order."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self._seen = Identities()
        self._repeated: dict[str, int] = {}
        self._causeless: list[tuple[int, UUID]] = []
        self._missed = False

    def miss(self) -> None:
        """Some entries cannot be looked at: whose cause is nowhere may have had it there."""
        self._missed = True

    def look(self, index: int, content: bytes) -> None:
        """Looks at one entry."""
        try:
            entry = decode_entry(content)
        except FutureEntryError as error:
            self._findings.add(index, Kind.NEWER, str(error))
            self.miss()
            return
        except EntryError as error:
            self._findings.add(index, Kind.EVENT, str(error))
            self.miss()
            return
        if entry.sequence != index + 1:
            self._findings.add(
                index,
                Kind.SEQUENCE,
                f"Expected sequence {index + 1} at index {index}, got {entry.sequence}: an entry is missing, "
                "doubled or out of place.",
            )
        if not is_dead_letter(entry.subject):
            self._read(index, entry)

    def _read(self, index: int, entry: Entry) -> None:
        if isinstance(entry.payload, Digest):
            self._findings.add(index, Kind.EVENT, f"Expected an event, got {entry.payload.size} bytes of a stranger.")
            return
        try:
            envelope = decode(entry.payload)
        except ContractError as error:
            self._findings.add(index, Kind.NEWER if isinstance(error, FutureVersionError) else Kind.EVENT, str(error))
            self._remember(entry.id)
            return
        if entry.subject != (own := subject_of(envelope.campaign, envelope.type)):
            self._findings.add(index, Kind.SUBJECT, f"Expected {envelope.type} under {own}, got {entry.subject}.")
        if entry.id != str(envelope.id):
            self._findings.add(index, Kind.ID, f"Expected event {envelope.id} under its id, got {entry.id!r}.")
        if envelope.causationid is not None and envelope.causationid.bytes not in self._seen:
            self._causeless.append((index, envelope.causationid))
        if not self._seen.add(envelope.id.bytes):
            self._repeated[str(envelope.id)] = index

    def _remember(self, message_id: str | Digest) -> None:
        """Keeps the id of a message that cannot be read: others may name it as their cause."""
        try:
            self._seen.add(UUID(str(message_id)).bytes)
        except ValueError:
            self.miss()

    def finish(self, entries: Iterator[bytes]) -> None:
        """Says what can only be known at the end.

        Args:
            entries: all entries once more; only read when an id was seen twice.
        """
        for index, cause in self._causeless:
            behind = cause.bytes in self._seen
            if self._missed and not behind:
                continue
            fate = "it stands behind its effect" if behind else "it is not in the ledger"
            self._findings.add(index, Kind.CAUSE, f"Expected the cause {cause} before index {index}; {fate}.")
        if self._repeated:
            self._compare_repetitions(entries)

    def _compare_repetitions(self, entries: Iterator[bytes]) -> None:
        """An event that was said again, after the broker had forgotten the first time, must say the same."""
        first: dict[str, tuple[int, bytes | Digest]] = {}
        for index, content in enumerate(entries):
            try:
                entry = decode_entry(content)
            except EntryError:
                continue
            if isinstance(entry.id, Digest) or entry.id not in self._repeated or is_dead_letter(entry.subject):
                continue
            began, said = first.setdefault(entry.id, (index, entry.payload))
            if said != entry.payload:
                self._findings.add(
                    index,
                    Kind.ID,
                    f"Expected event {entry.id} to say what it said at index {began}, got other content.",
                )
