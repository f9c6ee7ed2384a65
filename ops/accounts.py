"""Who may do what on the broker of a campaign, and where the keys lie: ``DIR/keys``."""

from __future__ import annotations

from pathlib import Path

from agents.speakers import AGENTS, EVERYBODY, OTHERS
from bus.accounts import Accounts
from bus.identities import KeyFolder

KEYS = "keys"
"""Folder of the private keys in the folder of a run."""


def accounts_of(campaign: str) -> Accounts:
    """Every agent says its kinds and that it is there; the others say theirs."""
    return Accounts(campaign, {name: (*kinds, *EVERYBODY) for name, kinds in AGENTS.items()}, OTHERS)


def keys_of(folder: Path) -> KeyFolder:
    """The keys of the run in `folder`."""
    return KeyFolder(folder / KEYS)


def users_of(campaign: str, folder: Path) -> str:
    """The users of the embedded server, whose keys are made if they are not there."""
    return accounts_of(campaign).configuration(keys_of(folder))
