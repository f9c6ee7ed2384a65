"""The card that a running daemon leaves in its folder, by which the other commands find it."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from ops.errors import NoDaemonError

NAME = "daemon.json"


@dataclass(frozen=True, slots=True)
class Card:
    """Where a daemon can be reached."""

    pid: int
    http: str
    nats: str
    campaign: str

    def leave(self, folder: Path) -> None:
        """Writes the card, whole or not at all."""
        temporary = folder / f".{NAME}.{os.getpid()}"
        try:
            temporary.write_text(json.dumps(asdict(self)) + "\n", encoding="utf-8")
            temporary.replace(folder / NAME)
        except OSError:
            temporary.unlink(missing_ok=True)
            raise

    def take_back(self, folder: Path) -> None:
        """Removes the card, if it is still this one."""
        try:
            if read_card(folder) == self:
                (folder / NAME).unlink(missing_ok=True)
        except NoDaemonError:
            pass


def read_card(folder: Path) -> Card:
    """The card in a folder.

    Raises:
        NoDaemonError: there is none, or who left it is dead.
    """
    path = folder / NAME
    try:
        card = Card(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise NoDaemonError(
            f"Expected a running daemon in {folder}, got no card of one ({path.name}). Start it with athanor up."
        ) from error
    if not Path(f"/proc/{card.pid}").exists():
        raise NoDaemonError(
            f"Expected a running daemon in {folder}, got the card of process {card.pid}, which has died. "
            "Start it again with athanor up: it goes on where it was."
        )
    return card
