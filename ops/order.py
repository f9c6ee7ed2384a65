"""What the console was asked for: which campaign, where, with what."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ops.notary import OUR_OWN, Witnessing
from ops.settings import CampaignFile


@dataclass(frozen=True)
class Order:
    """What the console was asked for."""

    campaign: CampaignFile
    seed: int
    virtual: bool
    out: Path
    nats: str | None = None
    workers: int = 1
    telemetry: bool = True
    witnessing: Witnessing = OUR_OWN


def campaign_id(order: Order) -> str:
    """The campaign's name in the log."""
    return f"{order.campaign.name}-{order.seed}"
