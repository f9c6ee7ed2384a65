"""A past of the fake world, lived again."""

from __future__ import annotations

from agents.crew import crew
from agents.runtime.past import Past
from agents.runtime.recorded import Recollection
from agents.runtime.replaying import Replay, Terms
from agents.runtime.verdicts import Replayed
from ops.replays.living import recorded_instruments
from tests.agents.lab import CAMPAIGN, House
from tests.agents.world import World


async def past_of(lab: House) -> Past:
    """What has happened on its bus."""
    return await Past.of(lab.bus.read(CAMPAIGN))


async def prepared(lab: House, workers: object, past: Past | None = None, **terms: object) -> Replay:
    """A replay that is ready to run."""
    past = past or await past_of(lab)
    bench = Recollection(lab.bus.blobs, workers)
    return Replay(
        past, crew(recorded_instruments(past, lab.bus.blobs)), bench, Terms(**{"code_version": "0.0.0"} | terms)
    )


async def relived(lab: House, world: World, **terms: object) -> Replayed:
    """What came of it, memories told at starts included."""
    replay = await prepared(lab, world.workers, **terms)
    replay.expect_starts()
    return await replay.run()
