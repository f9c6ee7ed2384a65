"""What one entry of a ledger says, looked at by itself: it obeys its schema and stands under its own names.

What can only be known from other entries (whether a cause stands before its effect, whether an id was there already)
is for `bus.ledger.events`. So whole stretches of a ledger can be examined at once, in processes of their own
(`bus.ledger.crew`), which tell of a bundle without faults no more than is needed for that.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any, NamedTuple, get_args
from uuid import UUID

from pydantic import BaseModel

from bus.admitting import Admission, Admitted
from bus.codec import decode
from bus.errors import BusError, NewerAthanorError, RefusedEventError, UndecodableEventError
from bus.ledger.entry import Digest, Entry, decode_entry
from bus.ledger.errors import EntryError, FutureEntryError
from bus.ledger.findings import Kind, Problem
from bus.signing import split
from bus.subjects import is_dead_letter, subject_of
from contracts.envelope import Envelope
from contracts.errors import FutureVersionError, UnknownKindError
from contracts.event import Event
from contracts.materials import ArtifactRef
from contracts.presence import SpeakersListed

UNTOLD = -1
"""Bytes of an artefact of which only the digest is told."""
_BY_DIGEST = {"dataset_sha256": "the data that a model was fitted on"}
"""Fields that name an artefact by nothing but its digest."""
NOBODY = bytes(16)
"""Stands where there is no id; an event under this id is looked at by itself."""

Message = tuple[int, str, bytes]
"""Sequence, subject and payload."""


class Artefact(NamedTuple):
    """An artefact as an event names it."""

    said_at: int
    """Index of the event."""
    sha256: str
    """Its digest."""
    size: int
    """Its bytes; `UNTOLD` where the event does not tell."""
    name: str
    """For people."""


@dataclass(slots=True)
class Examined:
    """What came of one entry."""

    identity: bytes = NOBODY
    """The event's id."""
    cause: bytes = NOBODY
    """The id of its cause."""
    missed: bool = False
    """Whether it may have been the cause of something, under an id that cannot be known."""
    problems: list[Problem] = field(default_factory=list)
    """What is wrong with it."""
    is_event: bool = False
    """Whether it can be read as an event."""
    speaker: str = ""
    """Who said it; empty where nobody may have."""
    signed: bool = False
    """Whether his key on the roll has signed it."""
    artefacts: list[Artefact] = field(default_factory=list)
    """What it refers to."""


@dataclass(slots=True)
class Faultless:
    """A bundle in which nothing is wrong, as short as it can be told."""

    node: bytes
    """Hash over its entries."""
    identities: bytes
    """Ids of its events, 16 bytes each; `NOBODY` where there is none."""
    causes: bytes
    """The same of their causes."""
    said: Counter[tuple[str, bool]]
    """(speaker, whether signed) → events."""
    artefacts: list[Artefact]
    """What they refer to."""


class Examiner:
    """Looks at entries.

    Args:
        rolls: rolls of the log that are known before their place is reached.
    """

    def __init__(self, rolls: Iterable[Message] = ()) -> None:
        self._admission = Admission()
        for sequence, subject, payload in rolls:
            with contextlib.suppress(BusError):  # what is wrong with it is told at its place
                self._admission.admit(sequence, subject, payload)

    def look(self, index: int, content: bytes) -> Examined:
        """Looks at one entry."""
        told = Examined()
        try:
            entry = decode_entry(content)
        except EntryError as error:
            kind = Kind.NEWER if isinstance(error, FutureEntryError) else Kind.EVENT
            told.problems.append(Problem(index, kind, str(error)))
            told.missed = True
            return told
        if entry.sequence != index + 1:
            told.problems.append(
                Problem(
                    index,
                    Kind.SEQUENCE,
                    f"Expected sequence {index + 1} at index {index}, got {entry.sequence}: an entry is missing, "
                    "doubled or out of place.",
                )
            )
        if is_dead_letter(entry.subject):
            return told
        if isinstance(entry.payload, Digest):
            detail = f"Expected an event, got {entry.payload.size} bytes of a stranger."
            told.problems.append(Problem(index, Kind.EVENT, detail))
            return told
        envelope = self._admitted(index, entry, entry.payload, told)
        if envelope is None:
            _remember(entry.id, told)
            return told
        if entry.id != str(envelope.id):
            detail = f"Expected event {envelope.id} under its id, got {entry.id!r}."
            told.problems.append(Problem(index, Kind.ID, detail))
        told.is_event, told.identity = True, envelope.id.bytes
        told.cause = envelope.causationid.bytes if envelope.causationid is not None else NOBODY
        if told.speaker and _speaks_of_artefacts(type(envelope.data)):
            told.artefacts += _artefacts(index, envelope.data)
        return told

    def _admitted(self, index: int, entry: Entry, payload: bytes, told: Examined) -> Envelope | None:
        """The event in a message, and what is wrong with it; none if it cannot be read."""
        try:
            admitted: Admitted = self._admission.admit(index + 1, entry.subject, payload)
        except NewerAthanorError as error:
            told.problems.append(Problem(index, Kind.NEWER, str(error)))
            return None
        except RefusedEventError as error:
            return self._refused(index, entry, payload, error, told)
        except UndecodableEventError as error:
            told.problems.append(Problem(index, Kind.EVENT, error.reason))
            return None
        told.speaker, told.signed = admitted.speaker, admitted.signed
        return admitted.envelope

    def _refused(
        self, index: int, entry: Entry, payload: bytes, error: RefusedEventError, told: Examined
    ) -> Envelope | None:
        """What is wrong with a message that nobody may take for an event."""
        why = error.__cause__
        if why is None:
            envelope = decode(split(payload)[0])
            own = subject_of(envelope.campaign, envelope.type)
            kind = Kind.FORGED if entry.subject == own else Kind.SUBJECT
            told.problems.append(Problem(index, kind, error.reason))
            return envelope
        ruled = self._admission.roll(entry.subject.split(".")[1] if "." in entry.subject else "", index + 1)
        if ruled is not None:
            kind = Kind.FORGED
        elif isinstance(why, FutureVersionError):
            kind = Kind.NEWER
        else:
            assert isinstance(why, UnknownKindError)  # noqa: S101  there is no other reason
            kind = Kind.EVENT
        told.problems.append(Problem(index, kind, error.reason))
        return None


def _remember(message_id: str | Digest, told: Examined) -> None:
    """Keeps the id of a message that cannot be read: others may name it as their cause."""
    try:
        told.identity = UUID(str(message_id)).bytes
    except ValueError:
        told.missed = True


def faultless(start: int, entries: list[bytes], node: bytes, examiner: Examiner | None) -> Faultless | None:
    """What a bundle tells if nothing is wrong in it; nothing if it has to be looked at entry by entry.

    Args:
        start: index of its first entry.
        entries: its entries.
        node: hash over them.
        examiner: looks at them; without one only the hash is told.
    """
    if examiner is None:
        return Faultless(node, b"", b"", Counter(), [])
    identities, causes, artefacts = list[bytes](), list[bytes](), list[Artefact]()
    said: Counter[tuple[str, bool]] = Counter()
    for index, content in enumerate(entries, start):
        told = examiner.look(index, content)
        if told.problems or told.missed or (told.is_event and told.identity == NOBODY):
            return None
        identities.append(told.identity)
        causes.append(told.cause)
        if told.speaker:
            said[told.speaker, told.signed] += 1
        artefacts += told.artefacts
    return Faultless(node, b"".join(identities), b"".join(causes), said, artefacts)


def rolls_in(start: int, entries: Iterable[bytes]) -> Iterator[Message]:
    """The rolls among entries, true or not."""
    for index, content in enumerate(entries, start):
        if _ROLL in content:
            with contextlib.suppress(EntryError):
                entry = decode_entry(content)
                if isinstance(entry.payload, bytes):
                    yield index + 1, entry.subject, entry.payload


_ROLL = SpeakersListed.kind.encode()


@cache
def _speaks_of_artefacts(kind: type[Event]) -> bool:
    """Whether events of a kind can refer to artefacts."""
    seen: set[Any] = set()

    def leads(told: Any) -> bool:
        if told in seen:
            return False
        seen.add(told)
        if told is ArtifactRef:
            return True
        if isinstance(told, type) and issubclass(told, BaseModel):
            return any(name in _BY_DIGEST or leads(field.annotation) for name, field in told.model_fields.items())
        return any(leads(part) for part in get_args(told) if not isinstance(part, str | list))

    return leads(kind)


def _artefacts(index: int, value: Any) -> Iterator[Artefact]:
    """Every artefact that a fact names."""
    if isinstance(value, ArtifactRef):
        yield Artefact(index, value.sha256, value.size, value.name)
    elif isinstance(value, BaseModel):
        for name, part in value.__dict__.items():
            if name in _BY_DIGEST:
                yield Artefact(index, part, UNTOLD, _BY_DIGEST[name])
            else:
                yield from _artefacts(index, part)
    elif isinstance(value, list | tuple | set | frozenset):
        for part in value:
            yield from _artefacts(index, part)
    elif isinstance(value, dict):
        for part in value.values():
            yield from _artefacts(index, part)
