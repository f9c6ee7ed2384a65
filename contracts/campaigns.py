"""The life of a campaign, and the plan that all agents read from its first event."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, model_validator

from contracts.event import Event, Words
from contracts.identifiers import CampaignId, InstrumentName, SampleId, Sha256
from contracts.materials import Composition, ElementSymbol
from contracts.quantities import (
    Angstrom,
    Celsius,
    Count,
    Days,
    DegreesTwoTheta,
    Fraction,
    Hours,
    KelvinPerMinute,
    KelvinSpan,
    NonNegative,
    Seconds,
    SignedFraction,
)
from contracts.recipe import Atmosphere, Contact, Cooling, Form, Vessel


class Goal(Words):
    """What the campaign is looking for: a single-phase cubic powder of a given lattice parameter."""

    lattice: Angstrom
    """Wanted pseudo-cubic lattice parameter."""
    lattice_tolerance: Angstrom
    """How far off still counts as a success."""
    lattice_scale: Angstrom
    """Width of the Gaussian by which the utility falls off around the wanted value."""
    min_phase_fraction: Fraction
    """Share of the wanted phase that a success needs."""


class DesignSpace(Words):
    """What the planner may choose from."""

    a_site: Annotated[tuple[ElementSymbol, ...], Field(min_length=1)]
    """Elements of the A site."""
    b_site: Annotated[tuple[ElementSymbol, ...], Field(min_length=1)]
    """Elements of the B site."""
    divisor: Annotated[int, Field(ge=1, le=100)]
    """Site fractions are whole multiples of one over this."""
    max_species: Annotated[int, Field(ge=1, le=8)]
    """Most elements that may share one site."""
    max_fraction: dict[ElementSymbol, Fraction]
    """Upper limits of single elements on their site, such as tin in an insulator."""
    tolerance_factor: tuple[float, float]
    """Window of Goldschmidt's tolerance factor."""
    temperatures_c: Annotated[tuple[Celsius, ...], Field(min_length=1)]
    """Firing temperatures."""
    dwells_h: Annotated[tuple[Hours, ...], Field(min_length=1)]
    """Dwell times."""
    ramps: Annotated[tuple[KelvinPerMinute, ...], Field(min_length=1)]
    """Heating rates."""
    regrinds: Annotated[tuple[Count, ...], Field(min_length=1)]
    """How often a sample may be ground and fired again."""
    a_site_excesses: Annotated[tuple[SignedFraction, ...], Field(min_length=1)]
    """Relative excesses of the A-site cations."""
    milling_h: Annotated[tuple[Hours, ...], Field(min_length=1)]
    """Milling times."""
    vessels: Annotated[tuple[Vessel, ...], Field(min_length=1)]
    """Crucibles at hand."""
    atmospheres: Annotated[tuple[Atmosphere, ...], Field(min_length=1)]
    """Gases at hand."""
    contacts: Annotated[tuple[Contact, ...], Field(min_length=1)]
    """What samples may lie on."""
    forms: Annotated[tuple[Form, ...], Field(min_length=1)]
    """Powder or pellet."""
    coolings: Annotated[tuple[Cooling, ...], Field(min_length=1)]
    """Ways to cool."""

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if shared := set(self.a_site) & set(self.b_site):
            raise ValueError(f"expected each element on one site, got {', '.join(sorted(shared))} on both")
        low, high = self.tolerance_factor
        if not 0.5 < low < high < 1.5:
            raise ValueError(f"expected a tolerance-factor window inside 0.5 to 1.5, got {low} to {high}")
        if stray := set(self.max_fraction) - set(self.a_site) - set(self.b_site):
            raise ValueError(f"expected limits for elements of the design space, got {', '.join(sorted(stray))}")
        return self


class Strategy(StrEnum):
    """How candidates are ranked."""

    COMPOSITE = "composite"
    RANDOM = "random"


class PlannerPolicy(Words):
    """How the planner explores."""

    strategy: Strategy
    """Composite objective over component models, or chance."""
    initial: Annotated[int, Field(ge=2, le=200)]
    """Candidates of the first, space-filling batch."""
    batch: Annotated[int, Field(ge=1, le=48)]
    """Candidates of each later batch."""
    pool: Annotated[int, Field(ge=50, le=100_000)]
    """Feasible designs drawn and ranked for each batch."""


class TrustPolicy(Words):
    """What the trust auditor demands."""

    alpha: Annotated[float, Field(gt=0, lt=0.5)]
    """Miscoverage: intervals hold with probability 1 − alpha."""
    max_width_lattice: Angstrom
    """Widest interval of the lattice parameter that is worth a furnace run without asking."""
    max_width_phase_fraction: Annotated[float, Field(gt=0, le=2)]
    """Widest interval of the phase fraction that is worth a furnace run without asking."""
    ood_percentile: Annotated[float, Field(gt=50, lt=100)]
    """Percentile of in-distribution scores above which a score counts as exceeded."""


class Budget(Words):
    """When to stop."""

    max_samples: Annotated[int, Field(ge=0, le=100_000)]
    """Vials to make; 0 makes none and only listens to files that are dropped."""
    max_weeks: Annotated[float, Field(gt=0, le=520)]
    """Weeks on the lab's clock."""


class ScanSettings(Words):
    """How patterns are measured."""

    start: DegreesTwoTheta
    """First angle."""
    stop: DegreesTwoTheta
    """Last angle."""
    step: Annotated[float, Field(gt=0, le=1, json_schema_extra={"unit": "deg"})]
    """Distance between angles."""
    seconds_per_step: Seconds
    """Counting time at each angle."""

    @model_validator(mode="after")
    def _runs_upwards(self) -> Self:
        if self.stop - self.start < 10:
            raise ValueError(f"expected a scan over 10 degrees or more, got {self.start} to {self.stop}")
        return self


class Furnace(Words):
    """One furnace of the lab."""

    name: InstrumentName
    """Its name."""
    capacity: Annotated[int, Field(ge=1, le=96)]
    """Vials that it fires at once."""


class Standard(StrEnum):
    """A reference powder whose lattice is certified."""

    NONE = ""
    SILICON = "Si"
    LANTHANUM_HEXABORIDE = "LaB6"
    CORUNDUM = "Al2O3"


class Laboratory(Words):
    """What there is to work with."""

    furnaces: Annotated[tuple[Furnace, ...], Field(min_length=1)]
    """The furnaces."""
    diffractometer: InstrumentName
    """The diffractometer."""
    sample_mass: Annotated[float, Field(gt=0, le=1000, json_schema_extra={"unit": "g"})]
    """Mass of oxide product planned for each vial."""
    calibration_interval_days: Days = 7.0
    """How long a furnace is believed once it was held against a reference thermocouple. It is done again before a run
    that would end later, and before the first one. 0 for never."""
    max_deviation: KelvinSpan = 5.0
    """How far from the reference a furnace may be found; what it made since it was last found right is doubtful
    beyond that."""
    standard: Standard = Standard.NONE
    """The reference powder that stands beside the diffractometer."""
    standard_interval_days: Days = 7.0
    """How long the diffractometer is believed once it was held against that powder. It is scanned before the first
    sample, and before the first one after so many days."""


class Triage(Words):
    """How much time answers in doubt may take: of the diffractometer first, of people then."""

    rescans_per_sample: Annotated[int, Field(ge=0, le=5)] = 1
    """How often a sample may be measured again, longer or over a wider range. 0 for never."""
    rescan_hours_per_day: Annotated[float, Field(ge=0, le=24, json_schema_extra={"unit": "h"})] = 6.0
    """Hours of the diffractometer that this may take each day."""
    reviews_per_day: Annotated[int, Field(ge=0, le=1000)] = 8
    """Answers that people are asked to look at each day; the others wait for the next. 0 asks nobody."""


class CampaignPlan(Words):
    """Everything that agents need to know of a campaign; recorded in its first event."""

    name: CampaignId
    """Short name."""
    title: str
    """What it is about, in one line."""
    goal: Goal
    """What it is looking for."""
    space: DesignSpace
    """What may be chosen."""
    planner: PlannerPolicy
    """How it is chosen."""
    trust: TrustPolicy
    """How much is believed."""
    budget: Budget
    """When to stop."""
    scan: ScanSettings
    """How it is measured."""
    laboratory: Laboratory
    """What it is made with."""
    triage: Triage = Triage()
    """What may be spent on answers in doubt."""


class CampaignStarted(Event, kind="campaign.started", version=3):
    """A campaign began. The first event of every log."""

    plan: CampaignPlan
    """The plan, whole."""
    seed: Annotated[int, Field(ge=0, le=2**63 - 1)]
    """Seed of everything that is drawn at random."""
    code_version: str
    """The Athanor that runs it."""
    library_sha256: Sha256
    """Digest of the phase library that patterns are identified with."""
    virtual: bool
    """Whether the lab's clock is virtual."""
    simulated: tuple[str, ...]
    """Parts of the lab that are simulated, by name; said aloud, so that nobody mistakes the log."""


class CampaignPaused(Event, kind="campaign.paused"):
    """No new work is begun; what runs goes on to its end."""

    reason: str
    """Why."""


class CampaignResumed(Event, kind="campaign.resumed"):
    """Work goes on."""

    reason: str
    """Why."""


class BestSample(Words):
    """The best sample of a campaign."""

    sample_id: SampleId
    """The vial."""
    composition: Composition
    """What was weighed for."""
    lattice: Angstrom
    """Its pseudo-cubic lattice parameter."""
    phase_fraction: Fraction
    """Share of the wanted phase."""
    utility: NonNegative
    """How good it is, from 0 to 1."""


class CampaignFinished(Event, kind="campaign.finished"):
    """The campaign ended by itself."""

    reason: str
    """Which budget ran out."""
    samples: Count
    """Vials made."""
    successes: Count
    """Vials that met the goal."""
    best: BestSample | None
    """The best of them, if anything was learnt."""
