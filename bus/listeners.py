"""Who listens to the stream: consumers are asked, and none may speak by itself.

The server lets a consumer push what is stored to any subject, and looks at nobody's permissions when it does: an agent
with a key could have its words delivered as a question to a furnace, or as an answer into another's inbox. No client of
the lab needs such a consumer. One that is found is removed, and told.
"""

from __future__ import annotations

import contextlib
import json

from bus.errors import BusError, PermissionDeniedError
from bus.identities import PROVISIONER
from bus.jetstream import JetStreamBus
from bus.topology import STREAM
from bus.wire import ApiError

_PAGE = 256
"""Consumers that the server tells of at once."""


class Listeners:
    """Looks at the consumers of the stream, for as long as it may."""

    def __init__(self, bus: JetStreamBus) -> None:
        self._bus = bus
        self._may_look = True

    async def look(self) -> list[str]:
        """Removes what pushes; of each consumer, what is to be told."""
        if not self._may_look:
            return []
        try:
            pushing = await self._pushing()
        except PermissionDeniedError:  # the connection has told it: a server of one's own with older permissions
            self._may_look = False
            return []
        except ApiError:  # no stream, or a server that is coming up: the guard tells of that
            return []
        return [await self._removed(name, subject) for name, subject in pushing]

    async def _pushing(self) -> list[tuple[str, str]]:
        found, offset, total = list[tuple[str, str]](), 0, 1
        while offset < total:
            told = await self._bus.wire.api(f"CONSUMER.LIST.{STREAM}", {"offset": offset})
            consumers = told.get("consumers") or []
            total, offset = int(told["total"]), offset + max(len(consumers), _PAGE)
            found += [
                (str(c["name"]), str(c["config"]["deliver_subject"]))
                for c in consumers
                if c["config"].get("deliver_subject")
            ]
        return found

    async def _removed(self, name: str, subject: str) -> str:
        words = (
            f"Expected consumers that are asked for what they hear, got {name[:80]}, which pushes what is stored to "
            f"{json.dumps(subject[:160])}"
        )
        try:
            wire = await self._bus.board.of(PROVISIONER)
            with contextlib.suppress(ApiError):  # it has gone by itself
                await wire.api(f"CONSUMER.DELETE.{STREAM}.{name}")
        except BusError as error:
            return f"{words}. It could not be removed: {error} Remove it, and find out who made it and why."
        finally:
            await self._bus.board.let_go(PROVISIONER)
        return f"{words}. It was removed. Find out who made it and why: only the key of that agent can have."
