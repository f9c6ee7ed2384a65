"""Over which connection somebody speaks: each identity has one of its own, so that the server can tell them apart.

Without keys everybody speaks over the same connection.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from bus.errors import BusConnectionError, BusError
from bus.identities import READER, Identity, KeyFolder
from bus.protocol import OnTrouble
from bus.signing import Signer
from bus.wire import Wire

Keys = KeyFolder | Identity | None
"""A folder with a key for each who speaks; or the one identity of this process; or none."""


@dataclass
class Switchboard:
    """The connections of one process.

    Attributes:
        wire: reads, and speaks for everybody where there are no keys.
        keys: a key for each who speaks.
        identity: who speaks for everybody, where there is one key for all.
    """

    wire: Wire
    url: str = ""
    keys: KeyFolder | None = None
    within: float = 10.0
    _open: dict[str, Wire] = field(default_factory=dict)
    identity: Identity | None = None
    _opening: asyncio.Lock = field(default_factory=asyncio.Lock)
    _signers: dict[str, Signer | None] = field(default_factory=dict)

    @classmethod
    async def connect(cls, url: str, on_trouble: OnTrouble, within: float, keys: Keys) -> Switchboard:
        """Opens the connection that reads; the others are opened when somebody speaks.

        Raises:
            BusConnectionError: no server answers, or it does not let us in.
            IdentityError: a key cannot be used.
        """
        who = keys.identity(READER) if isinstance(keys, KeyFolder) else keys
        wire = await Wire.connect(url, on_trouble, within=within, identity=who)
        folder, one = (keys, None) if isinstance(keys, KeyFolder) else (None, keys)
        return cls(wire, url, folder, within, identity=one)

    def signer(self, name: str) -> Signer | None:
        """What signs the words of somebody; none where nobody has a key.

        Raises:
            IdentityError: there are keys, and none of that name.
        """
        if name not in self._signers:
            who = self.keys.identity(name) if self.keys is not None else self.identity
            self._signers[name] = who.signer() if who is not None else None
        return self._signers[name]

    def now(self, name: str) -> Wire | None:
        """The connection of somebody, if it is there already."""
        return self.wire if self.keys is None else self._open.get(name)

    async def of(self, name: str) -> Wire:
        """The connection of somebody.

        Raises:
            IdentityError: there is no key of that name.
            BusConnectionError: the server does not answer, or does not let him in.
        """
        if (wire := self.now(name)) is not None:
            return wire
        assert self.keys is not None  # noqa: S101  `now` has an answer without keys
        async with self._opening:
            if name not in self._open:
                who = self.keys.identity(name)
                # while the server is away everybody waits, as on a connection that is there already
                while True:
                    try:
                        self._open[name] = await Wire.connect(self.url, self._trouble, within=self.within, identity=who)
                        break
                    except BusConnectionError:
                        if self.wire.client.is_closed or self.wire.client.is_connected:
                            raise
            return self._open[name]

    def _trouble(self, error: BusError) -> None:
        """What somebody's connection noticed; that the broker is away is told once, by the one that reads."""
        if not isinstance(error, BusConnectionError):
            self.wire.on_trouble(error)

    async def let_go(self, name: str) -> None:
        """Closes somebody's own connection, if there is one."""
        if (wire := self._open.pop(name, None)) is not None:
            await wire.close()

    async def close(self) -> None:
        """Lets go of the server."""
        for wire in (*self._open.values(), self.wire):
            await wire.close()
