"""Who may do what on the broker: every identity its own key, and leave for nothing but what it needs.

Flags on the stream do not protect it: `deny_delete` and `deny_purge` stop neither a lowered limit nor the deletion of
the whole stream (measured, decision 16). Permissions do. One provisioning identity may change streams and says nothing
in them; each agent may publish its own kinds and use its own durable consumer; whoever has no key may read, message by
message, and make nothing that the server would have to keep: a consumer costs it memory and disk for as long as its
maker wants.

Everybody stays in the server's one account: the store of an account lies in a folder of its name, and a log that
moved into another one would look empty.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from bus.errors import IdentityError
from bus.identities import PROVISIONER, READER, KeyFolder, inbox
from bus.subjects import ALL, ROOT
from bus.topology import STREAM
from contracts.event import Event
from contracts.wire import ROOT as INSTRUMENTS

FURNACE = "furnace"
"""The user of MQTT clients that give no name; it can reach instruments and nothing else. There is none without MQTT."""
NOBODY = "nobody"
"""The user of whoever has no key."""
_API = "$JS.API"
_READS = (f"{_API}.INFO", f"{_API}.STREAM.INFO.{STREAM}", f"{_API}.STREAM.NAMES", f"{_API}.DIRECT.GET.{STREAM}")
"""What it takes to read: nothing that the server would have to remember."""
LIMITS = (
    "max_payload: 1MB",
    "max_control_line: 4KB",
    "max_connections: 512  # a lab opens about twenty",
    "max_subscriptions: 256  # on one connection",
    "max_pending: 64MB  # that one connection may leave unread",
    "write_deadline: 30s",
)
"""What one client may take of the server at most, so that nobody takes all of it."""
_END = "\n  ]\n}"

Says = Mapping[str, Collection[type[Event]]]
"""Identity → the kinds of events that it may publish."""


@dataclass(frozen=True)
class Leave:
    """What one identity may do."""

    publish: tuple[str, ...]
    subscribe: tuple[str, ...]
    publish_not: tuple[str, ...] = ()


@dataclass(frozen=True)
class Accounts:
    """The identities of one campaign's broker.

    Attributes:
        campaign: the campaign; names the durable consumers.
        agents: who speaks and listens.
        others: who speaks and hears nothing.
        known: public keys of those whose private ones are kept elsewhere.
    """

    campaign: str
    agents: Says
    others: Says
    known: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        taken = [name for name in (*self.agents, *self.others) if name in {PROVISIONER, READER, FURNACE, NOBODY}]
        if taken or set(self.agents) & set(self.others):
            raise IdentityError(
                f"Expected each identity once, got {sorted(taken) or sorted(set(self.agents) & set(self.others))} "
                "twice. Give it another name."
            )

    def leaves(self) -> dict[str, Leave]:
        """Identity → what it may do."""
        speakers = {name: self._speaker(name, kinds, hears=True) for name, kinds in self.agents.items()}
        speakers |= {name: self._speaker(name, kinds, hears=False) for name, kinds in self.others.items()}
        return {
            PROVISIONER: Leave((f"{_API}.>",), (f"{inbox(PROVISIONER)}.>",)),
            READER: self._reader(),
            **speakers,
        }

    def _durable(self, agent: str) -> str:
        return f"{self.campaign}-{agent}"

    def _speaker(self, name: str, kinds: Collection[type[Event]], *, hears: bool) -> Leave:
        said = tuple(sorted(f"{ROOT}.{self.campaign}.{kind.kind}" for kind in kinds))
        return Leave((*said, *(self._hearing(name) if hears else ()), *_READS), (f"{inbox(name)}.>",))

    def _hearing(self, name: str) -> tuple[str, ...]:
        """What it takes to use the one durable consumer of one's own, by whatever call a client library makes."""
        durable = self._durable(name)
        return (
            f"{ROOT}.{self.campaign}.dead.{durable}",
            f"{_API}.CONSUMER.CREATE.{STREAM}.{durable}",
            f"{_API}.CONSUMER.CREATE.{STREAM}.{durable}.>",  # newer libraries name the one subject they want, too
            f"{_API}.CONSUMER.DURABLE.CREATE.{STREAM}.{durable}",
            f"{_API}.CONSUMER.INFO.{STREAM}.{durable}",
            f"{_API}.CONSUMER.DELETE.{STREAM}.{durable}",
            f"{_API}.CONSUMER.MSG.NEXT.{STREAM}.{durable}",
            f"$JS.ACK.{STREAM}.{durable}.>",
        )

    @staticmethod
    def _reader() -> Leave:
        """Whoever has the key for it also sees who listens, and how far each has come."""
        about = tuple(f"{_API}.CONSUMER.{call}.{STREAM}" for call in ("INFO", "LIST", "NAMES"))
        return Leave((*_READS, f"{about[0]}.*", *about[1:]), ("_INBOX.>", f"{inbox(READER)}.>", ALL))

    def configuration(self, keys: KeyFolder) -> str:
        """The server's part of the configuration; keys that are not there yet are made."""
        return self.rendered(keys.make(*(n for n in self.leaves() if n not in self.known)) | dict(self.known))

    def rendered(self, public: Mapping[str, str]) -> str:
        """The same for public keys that are known."""
        users = [_user(f"nkey: {public[name]}", leave) for name, leave in self.leaves().items()]
        users.append(_user(f'user: {NOBODY}, password: ""', Leave(_READS, ("_INBOX.>", ALL))))
        return "\n".join(
            ["authorization {", "  users: [", *users, "  ]", "}", f"no_auth_user: {NOBODY}  # may read", ""]
        )


def furnace() -> str:
    """The user of instruments that speak MQTT and give no name."""
    return _user(f'user: {FURNACE}, password: ""', _instruments())


def with_instruments(users: str) -> str:
    """The users of a server that listens to MQTT, too."""
    return users.replace(_END, f"\n{furnace()}{_END}", 1)


def _instruments() -> Leave:
    """MQTT topics of instruments, as the server maps them to subjects, and its own ways to deliver."""
    topics = (f"{INSTRUMENTS}.>", "simulated.>")
    return Leave((*topics, "$MQTT.deliver.pubrel.>"), (*topics, "$MQTT.sub.>", "$MQTT.deliver.pubrel.>"))


def _user(who: str, leave: Leave) -> str:
    def one(allowed: Collection[str], denied: Collection[str]) -> str:
        deny = f", deny: {json.dumps(list(denied))}" if denied else ""
        return f"{{ allow: {json.dumps(list(allowed))}{deny} }}"

    return (
        f"    {{ {who}, permissions: {{\n"
        f"      publish: {one(leave.publish, leave.publish_not)}\n"
        f"      subscribe: {one(leave.subscribe, ())}\n"
        "    } }"
    )
