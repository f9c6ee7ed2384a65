"""What the console was asked for: which campaign, where, with what; and whether a folder holds that very campaign."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ops.errors import ResumeError
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
    """Worker processes; two share the training of a model, and in virtual time begin ahead of their turn."""
    telemetry: bool = True
    witnessing: Witnessing = OUR_OWN
    keys: Path | None = None
    """Private keys for a server of one's own: a folder, or one file for everybody."""


def campaign_id(order: Order) -> str:
    """The campaign's name in the log."""
    return f"{order.campaign.name}-{order.seed}"


def check_folder(order: Order) -> None:
    """The folder is new, or holds this very campaign; otherwise nothing is touched."""
    card = order.out / "campaign.json"
    mine = {
        "campaign": campaign_id(order),
        "virtual": order.virtual,
        "file": order.campaign.model_dump(mode="json"),
        "nats": order.nats is not None,
    }
    if not card.exists():
        card.write_text(json.dumps(mine, indent=1) + "\n", encoding="utf-8")
        return
    try:
        there = json.loads(card.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ResumeError(f"Expected the card of a campaign in {card}, got: {error}. Choose another --out.") from error
    wrong = _differences(there, mine)
    if wrong:
        raise ResumeError(
            f"Expected {order.out} to hold this very campaign, got other values there: {'; '.join(wrong)}. "
            "Give the same command to go on with it, or choose another --out."
        )


def _differences(there: Any, mine: Any, where: str = "") -> list[str]:
    if isinstance(there, dict) and isinstance(mine, dict):
        keys = sorted(there.keys() | mine.keys())
        return [d for k in keys for d in _differences(there.get(k), mine.get(k), f"{where}.{k}".lstrip("."))][:5]
    return [] if there == mine else [f"{where} is {there!r} there and {mine!r} here"]
