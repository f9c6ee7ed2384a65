"""Campaign files: what to look for, and how the lab is played."""

from __future__ import annotations

import tomllib
from enum import StrEnum
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field, ValidationError, field_validator, model_validator

from contracts.campaigns import CampaignPlan
from contracts.event import Words
from contracts.wire import Broker
from ops.errors import CampaignFileError
from ops.mistakes import mistakes
from ops.questions.reading import asks_a_question
from simulators.rates import FaultRates

OPTIONS = {
    ("budget", "max_samples"): "--max-samples",
    ("budget", "max_weeks"): "--until-weeks",
    ("planner", "strategy"): "--strategy",
}
"""Value of a campaign file → the option that is typed instead."""


class Synthesis(StrEnum):
    """Who makes the samples."""

    SIMULATED = "simulated"
    MQTT = "mqtt"


class Diffraction(StrEnum):
    """Who measures them."""

    SIMULATED = "simulated"
    FILE_DROP = "file-drop"


class Instruments(Words):
    """Which instruments are real."""

    synthesis: Synthesis = Synthesis.SIMULATED
    """Who makes the samples."""
    simulate_furnace: bool = False
    """With mqtt: whether the furnaces behind it are simulated, each in a process of its own."""
    broker: str = ""
    """With mqtt: the broker, as mqtt://[user@]host[:port]; without it, a listener of the embedded server."""
    broker_port: Annotated[int, Field(ge=1, le=65535)] | None = None
    """With mqtt: port of that listener on 127.0.0.1, for furnaces that must find it; a free one without it."""
    diffraction: Diffraction = Diffraction.SIMULATED
    """Who measures them."""
    folder: str = "inbox"
    """Watched folder of a file-drop diffractometer; inside --out unless absolute."""
    library: str | None = None
    """Folder of CIF files to identify with, instead of the shipped library."""

    @property
    def all_simulated(self) -> bool:
        """Whether no real instrument takes part, so that time may run as fast as one likes."""
        return not self.real_furnaces and self.diffraction is Diffraction.SIMULATED

    @property
    def real_furnaces(self) -> bool:
        """Whether furnaces take part that nobody simulates."""
        return self.synthesis is Synthesis.MQTT and not self.simulate_furnace

    @property
    def listener(self) -> int | None:
        """Port of the embedded server's MQTT listener; -1 for a free one, none when there is nothing to listen for."""
        if self.synthesis is not Synthesis.MQTT or self.broker:
            return None
        return self.broker_port or -1

    @field_validator("broker")
    @classmethod
    def _has_an_address(cls, broker: str) -> str:
        if broker:
            Broker.at(broker)
        return broker

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if self.synthesis is not Synthesis.MQTT and (self.simulate_furnace or self.broker or self.broker_port):
            raise ValueError('expected synthesis = "mqtt" beside simulate_furnace, broker and broker_port')
        if self.broker and self.broker_port:
            raise ValueError("expected a broker, or the port of one's own, got both")
        if self.real_furnaces and self.diffraction is Diffraction.SIMULATED:
            raise ValueError(
                "expected a real diffractometer beside real furnaces, got a simulated one, which cannot know what is "
                'in their vials: set simulate_furnace = true, or diffraction = "file-drop"'
            )
        return self


class Simulation(Words):
    """How the hidden world behaves; agents never see it."""

    faults: FaultRates = Field(default_factory=FaultRates)
    """How often things go wrong."""


class CampaignFile(CampaignPlan):
    """A campaign file: the plan that agents read, and how the lab is played."""

    instruments: Instruments = Field(default_factory=Instruments)
    """Which instruments are real."""
    simulation: Simulation = Field(default_factory=Simulation)
    """How the hidden world behaves."""

    @property
    def plan(self) -> CampaignPlan:
        """The plan alone."""
        return CampaignPlan.model_validate(self.model_dump(exclude={"instruments", "simulation"}))


def shipped() -> dict[str, str]:
    """Name → text of the shipped campaigns."""
    folder = resources.files("ops").joinpath("campaigns")
    return {
        entry.name.removesuffix(".toml"): entry.read_text(encoding="utf-8")
        for entry in sorted(folder.iterdir(), key=lambda e: e.name)
        if entry.name.endswith(".toml")
    }


def states_a_question(path: Path) -> bool:
    """Whether a file states its question, as far as it can be read."""
    try:
        return asks_a_question(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
        return False


def load_campaign(name: str, changes: dict[str, dict[str, Any]] | None = None) -> CampaignFile:
    """The campaign of a shipped name, or in a TOML file.

    Args:
        name: ``bso-match`` or a path.
        changes: section → values given on the command line.

    Raises:
        CampaignFileError: there is no such campaign, or the file is wrong; every mistake is named.
    """
    known = shipped()
    path = Path(name)
    if name in known:
        text = known[name]
    elif path.is_file():
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise CampaignFileError(f"Expected a readable campaign file at {path}, got: {error}.") from error
    else:
        raise CampaignFileError(
            f"Expected a shipped campaign ({', '.join(known)}) or a TOML file, got {name!r}. Check the path."
        )
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise CampaignFileError(f"Expected TOML in {name}, got a mistake: {error}.") from error
    typed: dict[tuple[str | int, ...], str] = {
        place: option for place, option in OPTIONS.items() if place[1] in (changes or {}).get(place[0], {})
    }
    if asks_a_question(document):
        raise CampaignFileError(
            f"Expected a campaign with a [goal] in {name}, which is what this Athanor runs, got one that states its "
            "question in [objective]. athanor check reads such files."
        )
    for section, values in (changes or {}).items():
        if isinstance(there := document.get(section, {}), dict):
            document[section] = {**there, **values}
    try:
        campaign = CampaignFile.model_validate(document)
    except ValidationError as error:
        wrong = mistakes(error, CampaignFile, typed)
        raise CampaignFileError(f"Expected a campaign in {name}, got {wrong}.") from error
    _know_ions(name, campaign)
    return _beside(path.parent, campaign)


def _know_ions(name: str, campaign: CampaignFile) -> None:
    """Every element can be drawn: what is dropped in silence would be searched for in vain."""
    from science.chemistry.perovskite.ions import A_RADII, B_RADII

    for site, radii in ("a_site", A_RADII), ("b_site", B_RADII):
        if strangers := [e for e in getattr(campaign.space, site) if e not in radii]:
            raise CampaignFileError(
                f"Expected ions of known radius and charge in space.{site} of {name} ({', '.join(radii)}), got "
                f"{', '.join(strangers)}. Leave out what is not known."
            )


def _beside(folder: Path, campaign: CampaignFile) -> CampaignFile:
    """The same with paths that do not depend on where the command stands.

    Args:
        folder: where the file lies; what it names is looked for from there.
        campaign: as it was read.

    Raises:
        CampaignFileError: what it names is not there.
    """
    named = campaign.instruments.library
    if named is None:
        return campaign
    library = (folder / named).resolve()
    if not library.exists():
        raise CampaignFileError(
            f"Expected a folder of CIF files or a built library at {library}, got nothing there. "
            "Correct instruments.library; a relative path begins at the folder of the campaign file."
        )
    instruments = campaign.instruments.model_copy(update={"library": str(library)})
    return campaign.model_copy(update={"instruments": instruments})
