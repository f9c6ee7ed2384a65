"""`athanor replay`: folds a recorded campaign again, from a copy of its log, and compares."""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from agents.agent import MOMENT, Agent
from agents.errors import AgentError
from agents.runtime import moment_of
from bus.blobs import BlobStore
from bus.errors import BusError
from bus.jetstream import JetStreamBus
from bus.reading import readable
from bus.server import EmbeddedServer
from contracts.campaigns import CampaignStarted
from ops.cli import UNUSABLE, complain
from ops.clock import RealClock
from ops.equipment import Equipment, crew
from ops.errors import OpsError, ResumeError
from simulators.bench import Bench
from simulators.diffractometer import SimulatedDiffractometer
from simulators.faults import FaultRates, Faults


@dataclass
class Folded:
    """What came of folding a log."""

    events: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    state: dict[str, str] = field(default_factory=dict)
    expected: dict[str, str] = field(default_factory=dict)
    passed_over: list[str] = field(default_factory=list)

    @property
    def differences(self) -> list[str]:
        """Agents whose memory is not what it was when the run ended."""
        return [a for a, digest in self.expected.items() if self.state.get(a) != digest]


def replay_folder(folder: Path, *, as_json: bool) -> int:
    """Replays a folder; 0 when every memory is as it was, 1 when one differs, 2 when there is no log."""
    try:
        folded = asyncio.run(_replay(folder))
    except (OpsError, BusError, AgentError) as error:
        complain(str(error))
        return UNUSABLE
    document = {
        "events": folded.events,
        "counts": dict(sorted(folded.counts.items())),
        "state": folded.state,
        "differences": folded.differences,
        "compared": len(folded.expected),
        "passed_over": folded.passed_over,
    }
    if as_json:
        sys.stdout.write(json.dumps(document) + "\n")
    else:
        _tell(folded)
    return 1 if folded.differences else 0


async def _replay(folder: Path) -> Folded:
    if not (folder / "store" / "jetstream").is_dir():
        raise ResumeError(
            f"Expected the folder of a run (with store/jetstream inside), got {folder}. "
            "Give the --out folder of athanor run."
        )
    with tempfile.TemporaryDirectory(prefix="athanor-replay-") as scratch:
        # the server writes into its store: the evidence itself is only read
        shutil.copytree(folder / "store" / "jetstream", Path(scratch) / "store" / "jetstream")
        server = await EmbeddedServer.start(Path(scratch) / "store")
        try:
            bus = await JetStreamBus.connect(server.url, BlobStore(folder / "blobs"))
            try:
                return await _fold(bus, folder, Path(scratch))
            finally:
                await bus.close()
        finally:
            await server.stop()


async def _fold(bus: JetStreamBus, folder: Path, scratch: Path) -> Folded:
    folded = Folded(expected=_expected(folder))
    agents = _idle_crew(scratch)
    seed = 0
    async for recorded in readable(bus, passed_over=lambda e: folded.passed_over.append(str(e))):
        event = recorded.envelope.data
        if isinstance(event, CampaignStarted):
            seed = event.seed
        folded.events += 1
        folded.counts[event.kind] += 1
        for agent in agents:
            if type(event) in agent.kinds():
                MOMENT.set(moment_of(seed, agent.name, recorded.envelope))
                agent.fold(event)
    folded.state = {agent.name: agent.memory.digest() for agent in agents}
    return folded


def _idle_crew(scratch: Path) -> list[Agent[Any]]:
    """The agents with instruments that nobody will ask anything."""
    clock = RealClock()
    bench = Bench(0, Faults(0, FaultRates()))
    diffractometer = SimulatedDiffractometer("none", bench, clock, scratch, datetime.now(UTC))
    return crew(Equipment(bench, {}, diffractometer), None)


def _expected(folder: Path) -> dict[str, str]:
    """Memories at the end of the run, if its summary is there."""
    try:
        summary = json.loads((folder / "report" / "summary.json").read_text(encoding="utf-8"))
        return dict(summary["state"]) if not summary["interrupted"] else {}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _tell(folded: Folded) -> None:
    console = Console()
    table = Table("event", "count", box=None)
    for kind, count in sorted(folded.counts.items()):
        table.add_row(kind, str(count))
    console.print(table)
    memories = Table("agent", "memory (SHA-256)", "as it was", box=None)
    for agent, digest in folded.state.items():
        same = "not recorded" if agent not in folded.expected else ("no" if agent in folded.differences else "yes")
        memories.add_row(agent, digest[:16] + "…", same)
    console.print(memories)
    for words in folded.passed_over:
        console.print(f"passed over: {words}", style="yellow", markup=False)
    console.print(f"{folded.events} events folded, {len(folded.differences)} memories differ")
