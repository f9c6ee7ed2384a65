"""The roll of a lab: who may say what in its log, and by which key that can be told.

It is called at the beginning of a log, and again when somebody's key or words have changed. Whoever has the console's
key calls it; a process that runs only some of the agents goes by the roll that is there.
"""

from __future__ import annotations

import hashlib
from datetime import datetime

from agents.envelopes import Saying, seal
from bus.admitting import CONSOLE, Roll
from bus.identities import Identity, KeyFolder
from bus.jetstream import JetStreamBus
from bus.protocol import Recorded
from bus.switchboard import Keys
from bus.telemetry import SILENT, Telemetry
from contracts.event import Event
from contracts.identifiers import root_id
from contracts.presence import Speaker, SpeakersListed
from ops.accounts import speakers_of


def people() -> dict[str, frozenset[str]]:
    """Speaker → kinds that he may say, for the part of a log that stands before its first roll."""
    return {name: frozenset(kind.kind for kind in kinds) for name, (_, kinds) in speakers_of("", None).items()}


def roll_for(campaign: str, keys: Keys, before: Roll | None) -> SpeakersListed | None:
    """The roll that is to be called; none where the one before says the same, or where it is not ours to call.

    Args:
        campaign: the campaign.
        keys: what this process has of its keys.
        before: the roll in force.

    Raises:
        IdentityError: a key cannot be used.
    """
    if isinstance(keys, KeyFolder) and CONSOLE not in keys:
        return None
    everybody = keys.public_key() if isinstance(keys, Identity) else ""
    known = before.keys if before else {}
    listed = SpeakersListed(
        speakers=tuple(
            Speaker(name=name, public_key=key or everybody or known.get(name, ""), says=_says(kinds))
            for name, (key, kinds) in sorted(speakers_of(campaign, keys).items())
        )
    )
    same = before is not None and Roll.of(before.sequence, listed) == before
    return None if same else listed


def _says(kinds: tuple[type[Event], ...]) -> tuple[str, ...]:
    return tuple(sorted({f"{kind.kind}:{kind.version}" for kind in kinds}))


async def call_roll(
    bus: JetStreamBus, campaign: str, keys: Keys, now: datetime, telemetry: Telemetry = SILENT
) -> Recorded | None:
    """Puts the roll into the log, if there is something new to it; before anything else is said.

    Args:
        bus: where the log is.
        campaign: the campaign.
        keys: what this process has of its keys.
        now: the lab's time.
        telemetry: hears of the roll as of every event.

    Returns:
        The roll, if it was called.

    Raises:
        RollError: the log's roll lists another key of the console: what we say would be taken for forged.
        IdentityError: a key cannot be used.
    """
    before = bus.admission.roll(campaign)
    listed = roll_for(campaign, keys, before)
    if listed is None:
        return None
    own = next(s.public_key for s in listed.speakers if s.name == CONSOLE)
    bus.admission.check_console(campaign, own)
    digest = hashlib.sha256(listed.model_dump_json().encode()).hexdigest()[:32]
    event_id = root_id(campaign, f"roll/{before.sequence if before else 0}/{digest}")
    envelope = seal(listed, event_id, Saying(campaign, CONSOLE, now, None))
    with telemetry.publication(envelope) as span:
        receipt = await bus.publish(envelope)
        span.stored(receipt)
    return Recorded(receipt.sequence, "", envelope, b"", envelope.time)
