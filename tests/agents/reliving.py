"""A past of the fake world, lived again."""

from __future__ import annotations

from agents.planner import Planner
from agents.retrainer import Retrainer
from agents.review_desk import ReviewDesk
from agents.runtime.past import Past
from agents.runtime.recorded import Recollection, RecordedDiffractometer, RecordedReviewer, RecordedSynthesiser
from agents.runtime.replaying import Replay, Terms
from agents.runtime.verdicts import Replayed
from agents.scheduler import Scheduler
from agents.synthesis_robot import SynthesisRobot
from agents.trust_auditor import TrustAuditor
from agents.xrd_analyser import XrdAnalyser
from tests.agents.lab import CAMPAIGN, House
from tests.agents.world import World


def crew(past: Past, blobs: object) -> list:
    """All agents over a recorded world."""
    furnaces = [f.name for f in past.started.plan.laboratory.furnaces] if past.started else []
    return [
        Planner(),
        TrustAuditor(),
        ReviewDesk(RecordedReviewer(past)),
        Scheduler(),
        SynthesisRobot({name: RecordedSynthesiser(name, past) for name in furnaces}),
        XrdAnalyser(RecordedDiffractometer("xrd-1", past, blobs)),
        Retrainer(),
    ]


async def past_of(lab: House) -> Past:
    """What has happened on its bus."""
    return await Past.of(lab.bus.read(CAMPAIGN))


async def prepared(lab: House, workers: object, past: Past | None = None, **terms: object) -> Replay:
    """A replay that is ready to run."""
    past = past or await past_of(lab)
    bench = Recollection(lab.bus.blobs, workers)
    return Replay(past, crew(past, lab.bus.blobs), bench, Terms(**{"code_version": "0.0.0"} | terms))


async def relived(lab: House, world: World, **terms: object) -> Replayed:
    """What came of it, memories told at starts included."""
    replay = await prepared(lab, world.workers, **terms)
    replay.expect_starts()
    return await replay.run()
