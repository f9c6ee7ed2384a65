"""Who says what: the kinds of events that each agent may yield, and no others.

The broker enforces it: each agent signs in with a key of its own and may publish only on the subjects of its kinds.
What an agent yields beyond that is refused and recorded as a fault. A test reads the agents' code and compares.
"""

from __future__ import annotations

from collections.abc import Mapping

from agents.planner import Planner
from agents.retrainer import Retrainer
from agents.review_desk import ReviewDesk
from agents.scheduler import Scheduler
from agents.synthesis_robot import SynthesisRobot
from agents.trust_auditor import TrustAuditor
from agents.xrd_analyser import XrdAnalyser
from contracts import diffraction, learning, planning, presence, review, scheduling, synthesis, trust
from contracts.campaigns import CampaignFinished, CampaignPaused, CampaignResumed, CampaignStarted
from contracts.event import Event

EVERYBODY: tuple[type[Event], ...] = (
    presence.AgentStarted,
    presence.AgentStopped,
    presence.AgentFaulted,
    presence.LabTroubled,
)
"""What the runtime says in the name of any agent."""

AGENTS: Mapping[str, tuple[type[Event], ...]] = {
    Planner.name: (
        planning.BatchClosed,
        planning.CandidateProposed,
        planning.ProposalExhausted,
        CampaignFinished,
    ),
    TrustAuditor.name: (trust.CandidateCleared, trust.CandidateRefused, trust.ReviewRequested),
    ReviewDesk.name: (review.ReviewDecided,),
    Scheduler.name: (scheduling.RunScheduled,),
    SynthesisRobot.name: (
        synthesis.StepStarted,
        synthesis.StepCompleted,
        synthesis.StepFailed,
        synthesis.SampleSynthesised,
        synthesis.SampleLost,
        synthesis.FurnaceCalibrated,
        synthesis.FurnaceNotCalibrated,
    ),
    XrdAnalyser.name: (
        diffraction.MeasurementStarted,
        diffraction.MeasurementFailed,
        diffraction.PatternMeasured,
        diffraction.PhasesIdentified,
        diffraction.AnalysisFlagged,
        diffraction.StandardMeasured,
        diffraction.DriftDetected,
        diffraction.RescanRequested,
        diffraction.AnalysisReviewRequested,
        diffraction.AnalysisReviewDeferred,
        diffraction.ReviewsResumed,
    ),
    Retrainer.name: (
        learning.ObservationRecorded,
        learning.ObservationWithheld,
        learning.ObservationRetracted,
        learning.ModelReleased,
        learning.ModelRejected,
    ),
}
"""Agent → what it yields."""

OTHERS: Mapping[str, tuple[type[Event], ...]] = {
    "console": (CampaignStarted, CampaignPaused, CampaignResumed, presence.SpeakersListed, presence.WorkTakenUp),
    "daemon": (presence.LabTroubled, presence.WorkTakenUp),
    "guard": (presence.LabTroubled, presence.EventRefused),
    "ledger": (presence.LabTroubled,),
}
"""Who speaks beside the agents, without hearing anything."""
