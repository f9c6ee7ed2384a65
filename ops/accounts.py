"""Who may do what on the broker of a campaign, and where the keys lie: ``DIR/keys``."""

from __future__ import annotations

from pathlib import Path

from agents.speakers import AGENTS, EVERYBODY, OTHERS
from bus.accounts import Accounts
from bus.identities import Identity, KeyFolder

KEYS = "keys"
"""Folder of the private keys in the folder of a run."""

_HEAD = """\
# nats-server 2.15.1 or later for a laboratory, with the users that the embedded server has.
# 1. Replace CAMPAIGN-1 by the campaign's name: that of its file, a hyphen, the seed. Consumers are called after it.
# 2. Make a key for each user:  nk -gen user > keys/planner.nk; chmod 600 keys/planner.nk
#    and write its public half (nk -inkey keys/planner.nk -pubout) in place of PUBLIC_KEY_OF_PLANNER. Keep the
#    provisioner's away from the lab once the stream is made.
# 3. athanor up --nats nats://HOST:4222 --keys keys    (a process needs the keys of its own agents, and the reader's)
# Take out no_auth_user where more people reach the port than may read the log.

server_name: athanor
listen: "0.0.0.0:4222"
max_payload: 1MB
write_deadline: 30s
# an acknowledgement means "on disk"; the server's default is to sync every two minutes
jetstream { store_dir: "/var/lib/nats", sync_interval: always, max_file_store: 1TB }
# instruments over MQTT; give them a listener with TLS, and a password, where they are not on this machine
# mqtt { listen: "127.0.0.1:1883", no_auth_user: furnace }

"""


def accounts_of(campaign: str) -> Accounts:
    """Every agent says its kinds and that it is there; the others say theirs."""
    return Accounts(campaign, {name: (*kinds, *EVERYBODY) for name, kinds in AGENTS.items()}, OTHERS)


def keys_of(folder: Path) -> KeyFolder:
    """The keys of the run in `folder`."""
    return KeyFolder(folder / KEYS)


def users_of(campaign: str, folder: Path) -> str:
    """The users of the embedded server, whose keys are made if they are not there."""
    return accounts_of(campaign).configuration(keys_of(folder))


def keys_at(path: Path | None) -> KeyFolder | Identity | None:
    """The keys for a server of one's own: a folder with one for each who speaks, one file for everybody, or none."""
    if path is None:
        return None
    return KeyFolder(path) if path.is_dir() else Identity(path.stem, path)


def example() -> str:
    """The configuration of a server of one's own with the same users as the embedded one, keys left open."""
    accounts = accounts_of("CAMPAIGN-1")
    blanks = {name: f"PUBLIC_KEY_OF_{name.upper()}" for name in accounts.leaves()}
    return _HEAD + accounts.rendered(blanks)
