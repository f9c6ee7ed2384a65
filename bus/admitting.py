"""Which messages of the log are events: said under their own subject, by somebody who may say them, and known to be so.

The roll (`SpeakersListed`) stands in the log and says who may say what, and by which key that can be told. Every reader
judges by the roll that was in force at a message's place: a live consumer, a replay, a query, a report, a stranger with
nothing but the ledger. What is not taken for an event is never acted on, stays where it is, and ends nobody's work.

Logs that were written before there were rolls, and servers on which nobody has a key, are unsigned: there the subject,
the source and what the lab's own people may say are compared, and that is all that can be.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import orjson

from bus.codec import decode
from bus.errors import NewerAthanorError, RefusedEventError, RollError, UndecodableEventError
from bus.signing import is_genuine, split
from bus.subjects import subject_of
from contracts.envelope import Envelope
from contracts.errors import ContractError, FutureVersionError, UnknownKindError
from contracts.presence import SpeakersListed

CONSOLE = "console"
"""Who calls the roll: the operator's own voice."""
_SOURCE = "/agents/"
_NOT_YET = (1 << 63, "", "")

People = Mapping[str, Collection[str]]
"""Speaker → the kinds that he may say, where no roll tells."""


class Admitted(NamedTuple):
    """An event, and how it is known who said it."""

    envelope: Envelope
    """What it says."""
    speaker: str
    """Who said it."""
    signed: bool
    """Whether his key on the roll has signed it."""


@dataclass(frozen=True)
class Roll:
    """Who may say what from a place of the log on."""

    sequence: int
    """Where it stands."""
    keys: Mapping[str, str]
    """Speaker → public key; empty where there is none."""
    says: Mapping[str, Mapping[str, int]]
    """Speaker → kind → newest version."""

    @classmethod
    def of(cls, sequence: int, listed: SpeakersListed) -> Roll:
        """The roll that an event calls."""
        keys, says = dict[str, str](), dict[str, dict[str, int]]()
        for speaker in listed.speakers:
            keys[speaker.name] = speaker.public_key
            said = (entry.rpartition(":") for entry in speaker.says)
            says[speaker.name] = {kind: int(version) for kind, _, version in said}
        return cls(sequence, keys, says)

    @property
    def keyed(self) -> bool:
        """Whether anybody on it has a key."""
        return any(self.keys.values())


@dataclass(frozen=True, slots=True)
class _Claim:
    """What a message says of itself."""

    sequence: int
    subject: str
    kind: str
    campaign: str
    source: str
    version: int = 0
    """One that this Athanor does not know."""

    @property
    def name(self) -> str:
        return self.source.removeprefix(_SOURCE)


class Admission:
    """Judges the messages of a log.

    Args:
        people: who may say what in the parts of a log before its first roll; everybody everything without it.
    """

    def __init__(self, people: People | None = None) -> None:
        self.people = people
        self._rolls: dict[str, list[Roll]] = defaultdict(list)
        self._granted: dict[tuple[str, str, str, str], tuple[int, str, str]] = {}
        """Subject, kind, campaign and source → the newest roll's place, speaker and key, where that was found right."""

    def admit(self, sequence: int, subject: str, payload: bytes, *, genuine: bool = False) -> Admitted:
        """The event in a message. A roll is noted, and holds for what stands behind it.

        Args:
            sequence: its place in the log.
            subject: where it was published.
            payload: the stored bytes.
            genuine: whether these very bytes are known to be what their speaker has signed.

        Raises:
            UndecodableEventError: it is no event at all.
            RefusedEventError: nobody may take it for one.
            NewerAthanorError: one of the lab's own people has said what only a newer Athanor understands.
        """
        body, signature = split(payload)
        try:
            envelope = decode(body)
        except (FutureVersionError, UnknownKindError) as error:
            self._judge_unknown(sequence, subject, body, signature, error)
        except ContractError as error:
            raise UndecodableEventError(sequence, str(error), subject) from error
        said = (subject, envelope.type, envelope.campaign, envelope.source)
        since, name, key = self._granted.get(said, _NOT_YET)
        if sequence > since and not key:  # what was found right before is right again, and most of a log is that
            return Admitted(envelope, name, signed=False)
        claim = _Claim(sequence, *said)
        if isinstance(envelope.data, SpeakersListed):
            signed = self._take_roll(claim, envelope.data, body, signature)
            return Admitted(envelope, claim.name, signed)
        roll = self._rights(claim)
        if roll is self.roll(claim.campaign):
            key = roll.keys.get(claim.name, "") if roll else ""
            self._granted[said] = (roll.sequence if roll else 0, claim.name, key)
        signed = self._signature(claim, roll, body, signature, genuine=genuine)
        return Admitted(envelope, claim.name, signed)

    def roll(self, campaign: str, before: int | None = None) -> Roll | None:
        """The roll of a campaign that was in force at a place; the newest by default; none before the first."""
        rolls = self._rolls.get(campaign, ())
        if before is None:
            return rolls[-1] if rolls else None
        return next((roll for roll in reversed(rolls) if roll.sequence < before), None)

    def check_console(self, campaign: str, public_key: str) -> None:
        """The newest roll can be continued with this key.

        Args:
            campaign: whose roll.
            public_key: of the console of this process; empty where it has none.

        Raises:
            RollError: it cannot: nothing that this process says would be taken for an event.
        """
        roll = self.roll(campaign)
        wanted = roll.keys.get(CONSOLE, "") if roll else ""
        if wanted and wanted != public_key:
            raise RollError(
                f"Expected the key of {CONSOLE} that the log of {campaign} lists ({wanted}"
                f"), got {public_key or 'none'}. Put the keys of this lab back where they were (DIR/keys, or "
                "--keys); a log whose keys are lost can be read for ever, and goes on in a new folder only."
            )

    # judging -------------------------------------------------------------------------------------

    def _rights(self, claim: _Claim) -> Roll | None:
        """The roll by which somebody may say something; none before the first.

        Raises:
            RefusedEventError: he may not.
        """
        own = subject_of(claim.campaign, claim.kind)
        if claim.subject != own:
            raise _refused(claim, f"Expected {claim.kind} of {claim.campaign} under {own}.")
        if not claim.name or claim.source != _SOURCE + claim.name:
            raise _refused(claim, f"Expected a source such as {_SOURCE}planner, got {claim.source[:80]!r}.")
        roll = self.roll(claim.campaign, claim.sequence)
        if roll is None:
            if self.people is not None and claim.kind not in self.people.get(claim.name, ()):
                raise _refused(claim, f"Expected it from somebody who may say {claim.kind}, got it from {claim.name}.")
            return None
        newest = roll.says.get(claim.name, {}).get(claim.kind)
        if newest is None:
            raise _refused(
                claim,
                f"Expected it from somebody who may say {claim.kind}, got it from {claim.name[:80]}, who may not by "
                f"the roll at sequence {roll.sequence}.",
            )
        if claim.version > newest:
            raise _refused(
                claim,
                f"Expected {claim.kind} up to version {newest}, as the roll at sequence {roll.sequence} lists it.",
            )
        return roll

    def _signature(
        self, claim: _Claim, roll: Roll | None, body: bytes, signature: bytes, *, genuine: bool = False
    ) -> bool:
        """Whether an event is signed.

        Raises:
            RefusedEventError: it should be, and is not, or by somebody else.
        """
        key = roll.keys.get(claim.name, "") if roll else ""
        if not key:
            return False
        if not signature:
            raise _refused(claim, f"Expected the signature of {claim.name} ({key}), got none.")
        if not genuine and not is_genuine(key, claim.subject, body, signature):
            raise _refused(
                claim, f"Expected the signature of {claim.name} ({key}), got one that this key has not made: forged."
            )
        return True

    def _take_roll(self, claim: _Claim, listed: SpeakersListed, body: bytes, signature: bytes) -> bool:
        """Notes a roll; whether it is signed.

        Raises:
            RefusedEventError: not by the console's key of the roll before it.
        """
        new, before = Roll.of(claim.sequence, listed), self.roll(claim.campaign, claim.sequence)
        known = next((r for r in self._rolls[claim.campaign] if r.sequence == claim.sequence), None)
        if claim.subject != subject_of(claim.campaign, claim.kind) or claim.name != CONSOLE:
            raise _refused(
                claim, f"Expected the roll under its own subject and from {CONSOLE}, got it from {claim.name}."
            )
        if known is not None:
            return known.keyed
        judge = before if before is not None and before.keys.get(CONSOLE) else new
        if judge.keyed:
            key = judge.keys.get(CONSOLE, "")
            if not key:
                raise _refused(claim, f"Expected a roll with a key of {CONSOLE}, got one that lists none.")
            self._signature(claim, judge, body, signature)
        rolls = self._rolls[claim.campaign]
        self._granted.clear()
        rolls.append(new)
        rolls.sort(key=lambda roll: roll.sequence)
        return judge.keyed

    def _judge_unknown(self, sequence: int, subject: str, body: bytes, signature: bytes, error: ContractError) -> None:
        """A kind or version that this Athanor does not know: from the lab's own people it needs a newer one.

        Raises:
            NewerAthanorError: it does.
            RefusedEventError: nobody vouches for it.
        """
        document: dict[str, Any] = orjson.loads(body)  # `decode` came as far as its kind and version
        kind, version = str(document["type"]), int(str(document["dataschema"]).rpartition(":")[2])
        claim = _Claim(
            sequence, subject, kind, str(document.get("campaign", "")), str(document.get("source", "")), version
        )
        before = self.roll(claim.campaign, sequence)
        if kind == SpeakersListed.kind and claim.name == CONSOLE and subject == subject_of(claim.campaign, kind):
            self._signature(claim, before, body, signature)
            raise NewerAthanorError(sequence, str(error)) from error
        roll = self._rights(claim) if before is not None else None
        if roll is None:
            raise _refused(claim, str(error)) from error
        self._signature(claim, roll, body, signature)
        raise NewerAthanorError(sequence, str(error)) from error


def _refused(claim: _Claim, reason: str) -> RefusedEventError:
    reason = f"{reason} It is {claim.kind[:80]} at {claim.subject[:160]}."
    return RefusedEventError(claim.sequence, reason[:1000], claim.subject)
