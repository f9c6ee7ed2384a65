"""The stream and its settings as values, and the check that the live one is the pinned one.

Why each setting: file storage with `sync_interval: always` (set on the server) makes an acknowledgement
mean "on disk"; `discard: new` refuses events when full instead of forgetting old ones; deny flags and no
rollup close the ordinary ways to remove a message; 64 KiB is what an entry of a tiled ledger can hold.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bus.errors import StreamConfigurationError
from bus.protocol import MAX_EVENT
from bus.subjects import ALL

STREAM = "LEDGER"
DUPLICATE_WINDOW = 10 * 60
"""Seconds within which the server itself drops repeated ids."""
DEFAULT_MAX_BYTES = 16 * 1024**3

_NANOSECONDS = 1_000_000_000


def stream_settings(max_bytes: int = DEFAULT_MAX_BYTES) -> dict[str, Any]:
    """The stream's configuration as the JetStream API takes it."""
    return {
        "name": STREAM,
        "description": "Every event of the laboratory, for ever.",
        "subjects": [ALL],
        "retention": "limits",
        "storage": "file",
        "discard": "new",
        "num_replicas": 1,
        "max_consumers": -1,
        "max_msgs": -1,
        "max_msgs_per_subject": -1,
        "max_bytes": max_bytes,
        "max_age": 0,
        "max_msg_size": MAX_EVENT,
        "duplicate_window": DUPLICATE_WINDOW * _NANOSECONDS,
        "deny_delete": True,
        "deny_purge": True,
        "allow_rollup_hdrs": False,
        "allow_direct": True,
        "allow_atomic": True,
        "compression": "none",
    }


@dataclass(frozen=True, slots=True)
class Differs:
    """A setting or count that is not as pinned."""

    key: str
    """Its name."""
    words: str
    """What it is, and what it should be."""


def differences(live: Mapping[str, Any], state: Mapping[str, Any]) -> list[Differs]:
    """What differs from the pinned configuration, and what is missing at first sight.

    Args:
        live: the server's configuration of the stream.
        state: the server's state of the stream.
    """
    pinned = stream_settings(int(live.get("max_bytes", 0)))
    wrong = [
        Differs(key, f"{key} is {live.get(key)!r}, pinned {value!r}")
        for key, value in pinned.items()
        if live.get(key, _absent(value)) != value and key != "description"
    ]
    if live.get("max_bytes", -1) <= 0:
        wrong.append(Differs("max_bytes", "max_bytes is unlimited, so a full disk would decide"))
    if state.get("num_deleted", 0):
        wrong.append(Differs("num_deleted", f"{state['num_deleted']} messages were deleted"))
    if state.get("messages", 0) and state.get("first_seq") != 1:
        wrong.append(Differs("first_seq", f"the log begins at sequence {state.get('first_seq')} and not at 1"))
    return wrong


def check_stream(live: Mapping[str, Any], state: Mapping[str, Any]) -> None:
    """The live configuration is the pinned one, and no message is missing.

    Args:
        live: the server's configuration of the stream.
        state: the server's state of the stream.

    Raises:
        StreamConfigurationError: a setting differs, or messages were removed; all of it is named.
    """
    if wrong := differences(live, state):
        raise StreamConfigurationError(
            f"Expected stream {STREAM} as pinned, got differences: {'; '.join(d.words for d in wrong)}. Somebody has "
            "changed it; go on only after finding out who and why."
        )


def _absent(pinned: object) -> object:
    """What a server that leaves a setting out means by it."""
    return {True: None, False: False}.get(pinned) if isinstance(pinned, bool) else None


def consumer_settings(durable: str, subjects: list[str], *, start: int | None = None) -> dict[str, Any]:
    """A durable pull consumer: explicit acknowledgement, everything from `start` (or the beginning)."""
    policy: dict[str, Any] = (
        {"deliver_policy": "all"} if start is None else {"deliver_policy": "by_start_sequence", "opt_start_seq": start}
    )
    return {
        "durable_name": durable,
        "name": durable,
        "ack_policy": "explicit",
        "ack_wait": 60 * _NANOSECONDS,
        "max_deliver": -1,
        "max_ack_pending": 512,
        "filter_subjects": subjects,
        "replay_policy": "instant",
        **policy,
    }
