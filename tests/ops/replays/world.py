"""A past of the fake world as `athanor replay` sees it."""

from __future__ import annotations

from dataclasses import replace

import orjson

from agents.runtime.past import Past
from agents.runtime.verdicts import Judged
from bus.replay import BusSource
from ops.replays.living import Lived, Look, read, relive
from ops.version import version
from tests.agents.lab import House
from tests.agents.test_ring import build
from tests.agents.world import World


class Hands:
    """The fake world's workers, who know the library of the campaign."""

    def __init__(self, world: World, library: str = "0" * 64) -> None:
        self.world, self.library = world, library

    async def run(self, fn, /, *args):
        if fn.__name__ == "digest_of_library":
            return self.library
        return await self.world.workers.run(fn, *args)


async def lived_through() -> tuple[World, House]:
    """A campaign in which much goes wrong, and models are released all the same; lived to its end."""
    world, lab = build(10, samples=12)
    await lab.live()
    return world, lab


async def again(
    world: World, lab: House, look: Look | None = None, library: str = "0" * 64, decided_by: str = ""
) -> Lived:
    """That campaign, lived again, as if code of that version had lived it; this very code by default."""
    look = look or Look()
    source = BusSource(lab.bus)
    past, _ = await read(source, look)
    past.starts[:] = [replace(start, code_version=decided_by or version()) for start in past.starts]
    return await relive(source, look, past, Hands(world, library), at_once=1)


async def past_of(lab: House) -> Past:
    """What has happened."""
    return (await read(BusSource(lab.bus), Look()))[0]


async def altered(kind: type, field: str, by: object, look: Look | None = None) -> list[Judged]:
    """The differences of a log in which one field of the first event of a kind was altered."""
    return (await again(*await altered_log(kind, field, by), look)).replayed.differences


async def altered_log(kind: type, field: str, by: object) -> tuple[World, House]:
    """A past in which one field of the first event of a kind was altered.

    Args:
        kind: of the event.
        field: dotted.
        by: a factor for a number, or what stands there instead.
    """
    world, lab = await lived_through()
    stored = next(s for s in lab.bus.log if orjson.loads(s.payload)["type"] == kind.kind)
    document = orjson.loads(stored.payload)
    place, *rest = document["data"], *field.split(".")
    for name in rest[:-1]:
        place = place[name]
    place[rest[-1]] = place[rest[-1]] * by if isinstance(by, float) else by
    stored.payload = orjson.dumps(document)
    return world, lab
