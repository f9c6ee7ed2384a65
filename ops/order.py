"""What the console was asked for: which campaign, where, with what; and whether a folder holds that very campaign."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ops.errors import ResumeError
from ops.settings import CampaignFile

BESIDE, NOBODY = "beside", "none"
"""What may stand in the place of a witness's address: one of our own, or none at all."""


@dataclass(frozen=True)
class Witnessing:
    """Who witnesses a ledger."""

    witness: str = BESIDE
    """Its address; or `BESIDE` for one of our own; or `NOBODY`."""
    key: str = ""
    """Its verifier key; without it, that of a foreign one is believed the first time."""


LONGEST = 60
"""Characters of a value that are shown."""
OUR_OWN = Witnessing()
"""What is done unless somebody wants it otherwise."""


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
    if not isinstance(there, dict) or not isinstance(there.get("file"), dict):
        raise ResumeError(f"Expected the card of a campaign in {card}, got other JSON. Choose another --out.")
    wrong = _differences(_from_here(there), mine)
    if wrong:
        raise ResumeError(
            f"Expected {order.out} to hold this very campaign, got other values there: {'; '.join(wrong)}. "
            "Give the same command to go on with it, or choose another --out."
        )


def _from_here(there: dict[str, Any]) -> dict[str, Any]:
    """A card of before paths began at the campaign file: they began where the command stood."""
    instruments = there["file"].get("instruments")
    named = instruments.get("library") if isinstance(instruments, dict) else None
    if not isinstance(named, str):
        return there
    instruments = instruments | {"library": str(Path(named).resolve())}
    return there | {"file": there["file"] | {"instruments": instruments}}


def _differences(there: Any, mine: Any, where: str = "") -> list[str]:
    if isinstance(there, dict) and isinstance(mine, dict):
        keys = sorted(there.keys() | mine.keys())
        return [d for k in keys for d in _differences(there.get(k), mine.get(k), f"{where}.{k}".lstrip("."))][:5]
    return [] if there == mine else [f"{where} is {_short(there)} there and {_short(mine)} here"]


def _short(value: Any) -> str:
    """A value of a card, for a sentence."""
    if value is None:
        return "not said"
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
