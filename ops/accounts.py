"""Who may do what on the broker of a campaign, and where the keys lie: ``DIR/keys``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from agents.speakers import AGENTS, EVERYBODY, OTHERS
from bus.accounts import LIMITS, Accounts, furnace
from bus.identities import Identity, KeyFolder
from contracts.event import Event
from ops.seat_book import read_seats

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
@LIMITS@
# an acknowledgement means "on disk"; the server's default is to sync every two minutes
jetstream { store_dir: "/var/lib/nats", sync_interval: always, max_file_store: 1TB }
# instruments over MQTT; give them a listener with TLS, and a password, where they are not on this machine. Add the
# user furnace from the end of this file to the users then: without MQTT there is none.
# mqtt { listen: "127.0.0.1:1883", no_auth_user: furnace }

""".replace("@LIMITS@", "\n".join(LIMITS))

Kinds = tuple[type[Event], ...]


def speakers_of(campaign: str, keys: KeyFolder | Identity | Path | None) -> Mapping[str, tuple[str, Kinds]]:
    """Everybody who may speak in a campaign: the lab's own people, and those in its book of seats.

    The server's users and the roll in the log are made from it.

    Args:
        campaign: the campaign.
        keys: its keys; a path is the folder of a run. Without a folder nobody's key is known.

    Returns:
        Speaker → public key (empty where none is known), and what he may say.

    Raises:
        IdentityError: a key cannot be used.
        SeatError: the book of seats cannot be used.
    """
    del campaign  # a seat is a seat in every campaign that is worked on with these keys
    folder = keys_of(keys) if isinstance(keys, Path) else keys
    said: dict[str, Kinds] = {name: (*kinds, *EVERYBODY) for name, kinds in AGENTS.items()} | dict(OTHERS)
    if not isinstance(folder, KeyFolder):
        return {name: ("", kinds) for name, kinds in said.items()}
    seats = {seat.name: seat for seat in read_seats(folder.folder)}
    said |= {name: (*seat.kinds, *EVERYBODY) for name, seat in seats.items()}
    return {
        name: (folder.public(name) or (seats[name].public_key if name in seats else ""), kinds)
        for name, kinds in said.items()
    }


def accounts_of(campaign: str, keys: KeyFolder | Path | None = None) -> Accounts:
    """Every agent says its kinds and that it is there; the others say theirs."""
    speakers = speakers_of(campaign, keys)
    folder = keys_of(keys) if isinstance(keys, Path) else keys
    elsewhere = {n: key for n, (key, _) in speakers.items() if key and not (folder and n in folder)}
    return Accounts(
        campaign,
        {name: kinds for name, (_, kinds) in speakers.items() if name not in OTHERS},
        {name: kinds for name, (_, kinds) in speakers.items() if name in OTHERS},
        elsewhere,
    )


def keys_of(folder: Path) -> KeyFolder:
    """The keys of the run in `folder`."""
    return KeyFolder(folder / KEYS)


def users_of(campaign: str, folder: Path) -> str:
    """The users of the embedded server, whose keys are made if they are not there."""
    return accounts_of(campaign, folder).configuration(keys_of(folder))


def keys_at(path: Path | None) -> KeyFolder | Identity | None:
    """The keys for a server of one's own: a folder with one for each who speaks, one file for everybody, or none."""
    if path is None:
        return None
    return KeyFolder(path) if path.is_dir() else Identity(path.stem, path)


def example() -> str:
    """The configuration of a server of one's own with the same users as the embedded one, keys left open."""
    accounts = accounts_of("CAMPAIGN-1")
    blanks = {name: f"PUBLIC_KEY_OF_{name.upper()}" for name in accounts.leaves()}
    instruments = "\n".join(f"#{line}" for line in furnace().splitlines())
    return f"{_HEAD}{accounts.rendered(blanks)}\n# the user of instruments over MQTT\n{instruments}\n"
