"""What a laboratory is equipped with: instruments, real or played, and the agents that use them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from agents.crew import Instruments
from agents.drivers.file_drop import FileDropDiffractometer
from bus.server import EmbeddedServer
from contracts.instruments import Diffractometer, Synthesiser
from ops.clock import RealClock, VirtualClock
from ops.errors import CampaignFileError
from ops.furnaces import Furnaces, Stage, Wire
from ops.order import Order, campaign_id
from ops.settings import Diffraction, Synthesis
from simulators.bad_line import BadLine
from simulators.bench import Bench
from simulators.diffractometer import SimulatedDiffractometer
from simulators.faults import Faults
from simulators.furnace import SimulatedSynthesiser
from simulators.reviewer import SimulatedReviewer
from simulators.wire.distant import DistantLine


@dataclass
class Equipment:
    """The instruments, and what plays those that are not real."""

    bench: Bench
    instruments: Instruments
    simulated: list[str] = field(default_factory=list)
    recalls: list[Callable[[], None]] = field(default_factory=list)
    """What lets the past draw its faults again."""
    device: SimulatedDiffractometer | None = None
    """The simulated diffractometer, if there is one."""
    furnaces: Furnaces = field(default_factory=Furnaces)
    """Those behind a wire."""


def wire_address(order: Order, server: EmbeddedServer | None) -> str:
    """Where furnaces behind MQTT are reached; empty when there are none.

    Raises:
        CampaignFileError: nobody says where.
    """
    instruments = order.campaign.instruments
    if instruments.synthesis is not Synthesis.MQTT:
        return ""
    address = instruments.broker or (server.mqtt_url if server else "")
    if not address:
        raise CampaignFileError(
            "Expected the address of an MQTT broker beside a NATS server of one's own, got none. "
            'Write broker = "mqtt://host:port" below [instruments], or leave --nats out.'
        )
    return address


async def equip(order: Order, clock: RealClock | VirtualClock, begun: datetime, wire: Wire | None) -> Equipment:
    """The instruments; without a wire, those of a process in which no samples are made."""
    faults = Faults(order.seed, order.campaign.simulation.faults)
    bench = Bench(order.seed, faults)
    folder = order.out / "instruments"
    lab = order.campaign.laboratory
    names = [f.name for f in lab.furnaces]
    furnaces, lines = Furnaces(), dict[str, Synthesiser]()
    simulated, recalls = ["reviewer"], [bench.recall]
    if wire is None and not order.campaign.instruments.real_furnaces:
        for name in names:  # what others make is seen in their journals
            DistantLine(name, bench, folder)
    elif order.campaign.instruments.synthesis is Synthesis.SIMULATED:
        near = {n: BadLine(SimulatedSynthesiser(n, bench, clock, folder), faults) for n in names}
        lines, recalls = dict(near), [*recalls, *(line.recall for line in near.values())]
    elif wire is not None:
        stage = Stage(campaign_id(order), bench, folder) if order.campaign.instruments.simulate_furnace else None
        furnaces = await Furnaces.of(names, wire, clock, stage)
        lines, recalls = furnaces.synthesisers, [*recalls, *furnaces.recalls]
    if not order.campaign.instruments.real_furnaces:
        simulated = [*names, *simulated]
    device: SimulatedDiffractometer | None = None
    diffractometer: Diffractometer
    if order.campaign.instruments.diffraction is Diffraction.FILE_DROP:
        inbox = Path(order.campaign.instruments.folder)
        diffractometer = FileDropDiffractometer(
            lab.diffractometer, inbox if inbox.is_absolute() else order.out / inbox, clock
        )
    else:
        device = SimulatedDiffractometer(lab.diffractometer, bench, clock, folder, begun)
        diffractometer = BadLine(device, faults)
        simulated.append(lab.diffractometer)
        recalls += [device.recall, diffractometer.recall]
    instruments = Instruments(lines, diffractometer, SimulatedReviewer())
    return Equipment(bench, instruments, simulated, recalls, device, furnaces)
