"""Names of things, and how one identifier follows from another.

No identifier is ever rolled: an event's id follows from its cause, so that a redelivery, a retry and a
replay all say the same thing under the same name and are recognised as one.
"""

from __future__ import annotations

from typing import Annotated
from uuid import UUID, uuid5

from pydantic import StringConstraints

_NAMESPACE = UUID("6f1cbd0c-4f0f-5d7e-9a0b-2c7d0c1a7e11")

_Name = StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")

CampaignId = Annotated[str, _Name]
"""One campaign; becomes a token of NATS subjects, hence letters, digits, ``_`` and ``-`` only."""
AgentName = Annotated[str, _Name]
"""The name under which an agent acts."""
InstrumentName = Annotated[str, _Name]
"""One device of the lab."""
CandidateId = Annotated[str, _Name]
"""One proposal of the planner."""
BatchId = Annotated[str, _Name]
"""Candidates proposed together."""
SampleId = Annotated[str, _Name]
"""One vial."""
RunId = Annotated[str, _Name]
"""One furnace run."""
StepId = Annotated[str, StringConstraints(min_length=1, max_length=160)]
"""One physical action; also the idempotency key that instruments are asked about."""
MeasurementId = Annotated[str, StringConstraints(min_length=1, max_length=160)]
"""One measurement; also its idempotency key."""
STANDARD_SCAN = "standard/"
"""How the key of a measurement begins that was asked for to judge the diffractometer."""
ReviewId = Annotated[str, _Name]
"""One question to a human."""
ModelId = Annotated[str, _Name]
"""One fitted model."""
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
"""A SHA-256 digest in lower-case hexadecimal."""


def root_id(campaign: str, name: str) -> UUID:
    """Identifier of an event that no other event caused, such as the start of a campaign.

    Args:
        campaign: the campaign it belongs to.
        name: what happened, unique within the campaign.
    """
    return uuid5(uuid5(_NAMESPACE, campaign), name)


def follow_up_id(cause: UUID, agent: str, n: int) -> UUID:
    """Identifier of the ``n``-th event (from 0) that `agent` yields because of `cause`."""
    return uuid5(cause, f"{agent}/{n}")


def vial_of(candidate: str, n: int = 1) -> str:
    """Name of the `n`-th vial (from 1) that is made of a candidate."""
    return f"{candidate}-v{n}"


def candidate_of(vial: str) -> str:
    """The candidate that a vial was made of; a name that is no vial's comes back as it is."""
    head, mark, tail = vial.rpartition("-v")
    return head if mark and tail.isdigit() else vial


def scan_of(sample: str, n: int = 1) -> str:
    """Key of the `n`-th scan (from 1) of a vial."""
    return f"{sample}/scan/{n}"


def standard_scan(instrument: str, n: int) -> str:
    """Key of the `n`-th scan (from 1) of a reference powder that the lab asks a diffractometer for."""
    return f"{STANDARD_SCAN}{instrument}/{n}"


def chain_id(campaign: str, candidate: str) -> UUID:
    """Correlation of everything that happens because of one candidate, from proposal to label."""
    return root_id(campaign, f"chain/{candidate}")


def trace_parent(correlation: UUID, event: UUID) -> str:
    """The W3C ``traceparent`` of an event: the chain is the trace, the event its span.

    Derived and not rolled, so that the log of a virtual campaign is the same in every byte.
    """
    return f"00-{correlation.hex}-{event.hex[:16]}-01"
