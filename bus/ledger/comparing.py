"""Compares the stream with the ledger: neither is believed because it is there.

JetStream passes over damaged messages in silence and may give their sequences to others (measured, decision 15), so
its counts are looked at first and then its messages, against what the ledger keeps of them.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

from bus.errors import GapError, StreamConfigurationError
from bus.ledger.book import DisagreementError
from bus.ledger.entry import decode_entry
from bus.ledger.stream import Stream, StreamState
from bus.ledger.tiles import WIDTH
from bus.topology import STREAM, check_stream

WHOLE = 20_000
"""Up to so many entries, everything is compared at the start."""
TAIL = 4096
"""Of a longer log, the last entries that are compared at the start; the rest follows while the lab works."""
SAMPLES = 16
"""Bundles of a longer log, drawn at random, that are compared at the start."""


def check_counts(state: StreamState | None, size: int) -> None:
    """The stream holds at least what the ledger holds, and nothing is missing in between.

    Args:
        state: what the server says of it.
        size: entries in the ledger.

    Raises:
        DisagreementError: it does not.
    """
    if state is None:
        raise DisagreementError(
            "deleted", 0, f"Expected the stream {STREAM} with {size} messages as in the ledger, got none: it is gone."
        )
    if size and state.messages == 0:
        raise DisagreementError(
            "deleted",
            0,
            f"Expected at least {size} messages in the stream {STREAM}, as in the ledger, got none: it was deleted or "
            "purged. Restore it with athanor ledger repair.",
        )
    if state.messages and state.first != 1:
        raise DisagreementError(
            "truncated",
            0,
            f"Expected the stream {STREAM} to begin at sequence 1, got {state.first}: its beginning was removed. "
            "Restore it with athanor ledger repair.",
        )
    if state.last < size:
        raise DisagreementError(
            "truncated",
            state.last,
            f"Expected at least {size} messages in the stream {STREAM}, as in the ledger, got {state.last}: its end "
            "was cut off. Restore it with athanor ledger repair before sequences are used twice.",
        )
    if state.deleted or state.messages != state.last - state.first + 1:
        missing = max(state.deleted, state.last - state.first + 1 - state.messages) if state.messages else 0
        if missing:
            raise DisagreementError(
                "deleted",
                None,
                f"Expected {state.last} messages in the stream {STREAM}, got {state.messages}: {missing} in between "
                "are missing, by damage or by deletion. Restore them with athanor ledger repair.",
            )


def check_settings(state: StreamState) -> None:
    """The stream is set up as it must be.

    Raises:
        DisagreementError: it is not; what differs.
    """
    try:
        check_stream(state.config, {})
    except StreamConfigurationError as error:
        raise DisagreementError("settings", None, str(error)) from error


async def compare(stream: Stream, entries: Sequence[bytes], start: int) -> int:
    """Reads messages again and compares them with the ledger.

    Args:
        stream: the log.
        entries: what the ledger keeps of them.
        start: index of the first.

    Returns:
        How many were compared.

    Raises:
        DisagreementError: the first that differs.
    """
    index = start
    try:
        async for stored in stream.read(start + 1, start + len(entries)):
            kept = decode_entry(entries[index - start])
            if kept.sequence != stored.sequence or not kept.is_message(
                stored.subject, stored.message_id, stored.payload
            ):
                raise DisagreementError(
                    "altered",
                    index,
                    f"Expected sequence {stored.sequence} of the stream {STREAM} to be what was signed "
                    f"({kept.subject}, id {kept.id}), got another message ({stored.subject}, id {stored.message_id}): "
                    "it was altered, or its sequence was used again after a loss. Restore it with athanor ledger "
                    "repair.",
                )
            index += 1
    except GapError as error:
        got = str(error.got) if error.got >= error.expected else "nothing"
        raise DisagreementError(
            "missing",
            error.expected - 1,
            f"Expected sequence {error.expected} of the stream {STREAM}, as in the ledger, got {got}: the message "
            "cannot be read any more. Restore it with athanor ledger repair.",
        ) from error
    return index - start


def first_ranges(size: int, dice: random.Random) -> Iterator[tuple[int, int]]:
    """What is compared at the start: everything, or of a long log its end and bundles drawn at random."""
    if size <= WHOLE:
        yield from ((at, min(at + TAIL, size)) for at in range(0, size, TAIL))
        return
    beginning = (size - TAIL) // WIDTH * WIDTH
    for n in sorted(dice.sample(range(beginning // WIDTH), min(SAMPLES, beginning // WIDTH))):
        yield n * WIDTH, (n + 1) * WIDTH
    yield beginning, size
