"""The daemon's file, `athanor.toml`: which campaign, where, and on which port it tells about itself."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError

from contracts.event import Words
from contracts.identifiers import AgentName
from ops.errors import CampaignFileError
from ops.mistakes import mistakes
from ops.order import BESIDE, Order, Witnessing
from ops.settings import load_campaign

DEFAULT = Path("athanor.toml")


class LedgerTable(Words):
    """Who witnesses the ledger."""

    witness: str = BESIDE
    """Address of a witness, best on another host; or "beside" for one of our own; or "none"."""
    witness_key: str = ""
    """Its verifier key; without it, that of a foreign witness is believed the first time."""

    @property
    def witnessing(self) -> Witnessing:
        """The same for the notary."""
        return Witnessing(self.witness, self.witness_key)


class DaemonFile(Words):
    """What a daemon runs."""

    campaign: str = "bso-match"
    """A shipped campaign or a TOML file."""
    seed: Annotated[int, Field(ge=0, le=2**63 - 1)] = 0
    """Seed of everything that is drawn at random."""
    out: Path = Path("lab")
    """Where everything is written."""
    http_port: Annotated[int, Field(ge=0, le=65535)] = 8420
    """Port on 127.0.0.1 for liveness, readiness, status and metrics; 0 takes a free one."""
    nats: str | None = None
    """A NATS server to use instead of the embedded one."""
    keys: Path | None = None
    """Private keys for that server: a folder of NAME.nk, or one file for everybody."""
    agents: tuple[AgentName, ...] = ()
    """Agents that this process runs; all by default."""
    speed: Annotated[float, Field(gt=0, le=1_000_000)] = 1.0
    """Seconds of lab time for each second; other than 1 only where every instrument is simulated."""
    telemetry: bool = True
    """Whether spans, a log and numbers are written into the folder ``telemetry`` of `out`."""
    ledger: LedgerTable = Field(default_factory=LedgerTable)
    """The second copy of the log, and who witnesses it."""


def order_of(file: DaemonFile) -> Order:
    """What a daemon is asked for.

    Raises:
        CampaignFileError: its campaign cannot be used; every mistake is named.
    """
    return Order(
        load_campaign(file.campaign),
        file.seed,
        virtual=False,
        out=file.out,
        nats=file.nats,
        telemetry=file.telemetry,
        witnessing=file.ledger.witnessing,
        keys=file.keys,
    )


def load_daemon_file(path: Path | None, changes: dict[str, Any]) -> DaemonFile:
    """The daemon's file with what was typed; without a file, `athanor.toml` here if there is one.

    Raises:
        CampaignFileError: the file cannot be used; every mistake is named.
    """
    document: dict[str, Any] = {}
    found = path or (DEFAULT if DEFAULT.is_file() else None)
    if found is not None:
        try:
            document = tomllib.loads(found.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise CampaignFileError(f"Expected the daemon's settings in TOML at {found}, got: {error}.") from error
    try:
        tables = {
            key: document.get(key, {}) | value if isinstance(document.get(key, {}), dict) else value
            for key, value in changes.items()
            if isinstance(value, dict)
        }
        return DaemonFile.model_validate(document | changes | tables)
    except ValidationError as error:
        raise CampaignFileError(
            f"Expected the daemon's settings in {found or 'the options'}, got {mistakes(error, DaemonFile)}."
        ) from error
