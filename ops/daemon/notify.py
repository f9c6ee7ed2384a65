"""Tells systemd how the daemon is (`sd_notify`, https://www.freedesktop.org/software/systemd/man/sd_notify.html)."""

from __future__ import annotations

import os
import socket


def notify(**states: str | int) -> None:
    """Sends states such as ``READY=1``; does nothing where nobody listens.

    Args:
        states: names of the protocol, and their values.
    """
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    message = "\n".join(f"{name}={value}" for name, value in states.items()).encode()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
        channel.sendto(message, "\0" + address[1:] if address.startswith("@") else address)


def watchdog_seconds() -> float | None:
    """How often a sign of life is wanted; none if it is not."""
    try:
        return int(os.environ["WATCHDOG_USEC"]) / 2e6
    except (KeyError, ValueError):
        return None
