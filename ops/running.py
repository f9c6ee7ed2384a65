"""`athanor run`: from the command line to a campaign, its live view and its summary."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from agents.errors import AgentError
from bus.errors import BusError
from contracts.errors import ContractError
from ops.errors import OpsError
from ops.exits import FOUND_WANTING, INTERRUPTED, UNUSABLE, complain
from ops.lab import Outcome, run
from ops.order import Order, campaign_id
from ops.reckoning import Fate, Reckoning
from ops.reports.writing import report_after_run
from ops.settings import CampaignFile
from ops.tally import Tally

REDRAW = 0.2
"""Real seconds between two pictures of the live view."""


def run_order(order: Order, *, as_json: bool) -> int:
    """Runs what was asked for; the exit code."""
    console = Console(stderr=as_json)
    try:
        _announce(order, console)
        outcome = _watched(order, console)
    except (OpsError, BusError, ContractError, AgentError) as error:
        complain(str(error))
        return UNUSABLE
    except OSError as error:
        complain(f"Expected to write into {order.out}, got: {error}. Make room or choose another --out.")
        return UNUSABLE
    summary = outcome.summary(order)
    if (trouble := _kept(outcome.folder / "report" / "summary.json", summary)) is not None:
        complain(trouble)
    if (trouble := report_after_run(outcome.folder, order.nats)) is not None:
        complain(trouble)
    _tell(order, outcome, console)
    if as_json:
        sys.stdout.write(json.dumps(summary, ensure_ascii=False) + "\n")
    if outcome.interrupted:
        return INTERRUPTED
    if outcome.ledger["alarm"]:
        return FOUND_WANTING
    return FOUND_WANTING if outcome.tally.vials == 0 and order.campaign.budget.max_samples > 0 else 0


def _announce(order: Order, console: Console) -> None:
    console.print(f"[bold]{campaign_id(order)}[/bold]  {order.campaign.title}")
    clock = "virtual time" if order.virtual else "real time"
    server = order.nats or "embedded nats-server"
    instruments = order.campaign.instruments
    played = " (simulated)" if instruments.simulate_furnace else ""
    console.print(
        f"{clock}, {server}, {instruments.synthesis.value} synthesis{played}, "
        f"{instruments.diffraction.value} diffraction; "
        "[yellow]reviews are answered by a simulated policy, not by a human[/yellow]"
    )


def _kept(path: Path, summary: dict[str, Any]) -> str | None:
    """Writes the summary of a run that has ended; why it could not be written, if so."""
    try:
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(summary, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        return f"The run is whole, but expected to write {path}, got: {error}. Make room and give the same command."
    return None


def _watched(order: Order, console: Console) -> Outcome:
    """Runs with a live picture on a terminal, with a line a batch elsewhere."""
    if not console.is_terminal:
        lines = _Lines(console)
        return asyncio.run(run(order, lines.show))
    with Live(console=console, auto_refresh=False, transient=True) as live:
        picture = _Picture(order.campaign, live)
        return asyncio.run(run(order, picture.show))


class _Lines:
    """Progress where there is no terminal."""

    def __init__(self, console: Console) -> None:
        self.console, self.closed, self.alarms = console, 0, 0

    def show(self, tally: Tally) -> None:
        """A line for each closed batch and each alarm."""
        closed = tally.counts["planning.batch_closed"]
        for alarm in tally.alarms[self.alarms :]:
            self.console.print(f"  ! {alarm}", highlight=False, markup=False)
        self.alarms = len(tally.alarms)
        if closed > self.closed:
            self.closed = closed
            self.console.print(_line(tally), highlight=False)


def _line(tally: Tally) -> str:
    best = tally.best
    told = "nothing learnt yet"
    if best is not None and best.lattice is not None:
        told = f"best {best.utility:.3f} {best.composition.formula} a={best.lattice:.4f} w={best.phase_fraction:.2f}"
    return f"day {tally.days:6.1f}  {tally.vials:3d} samples  {told}"


class _Picture:
    """The live picture: bar, best so far, what each agent is doing, alarms."""

    def __init__(self, campaign: CampaignFile, live: Live) -> None:
        self.campaign, self.live, self.drawn = campaign, live, 0.0

    def show(self, tally: Tally) -> None:
        """Draws, but not more often than the eye needs."""
        if time.monotonic() - self.drawn < REDRAW:
            return
        self.drawn = time.monotonic()
        self.live.update(self._draw(tally), refresh=True)

    def _draw(self, tally: Tally) -> Panel:
        total = max(self.campaign.budget.max_samples, 1)
        doing = Table.grid(padding=(0, 2))
        for agent, words in tally.doing.items():
            doing.add_row(Text(agent, style="cyan"), Text(words))
        bar = Table.grid(expand=True)  # a bar by itself does not end its line
        bar.add_row(ProgressBar(total=total, completed=min(tally.vials, total)))
        parts: list[Any] = [
            bar,
            Text(_line(tally), style="bold"),
            doing,
        ]
        parts += [Text(f"! {alarm}", style="yellow", overflow="ellipsis", no_wrap=True) for alarm in tally.alarms[-3:]]
        return Panel(Group(*parts), title=f"{self.campaign.name}: {tally.vials} of {total} samples", expand=True)


def _tell(order: Order, outcome: Outcome, console: Console) -> None:
    """The summary for people."""
    tally = outcome.tally
    s = tally.summary()
    console.print()
    if outcome.interrupted:
        console.print("[yellow]Stopped. The same command goes on from here.[/yellow]")
    elif tally.finished is not None:
        console.print(f"Finished: {tally.finished.reason.removesuffix('.')}.")
    if (best := s["best"]) is not None:
        console.print(
            f"[bold green]Best sample {best['sample']}[/bold green]  {best['composition']}  "
            f"a = {best['a_pc_angstrom']:.4f} Å, phase fraction {best['phase_fraction']:.3f}, "
            f"utility {best['utility']:.3f}"
        )
    table = Table(show_header=False, box=None, padding=(0, 2))
    rows = [
        ("proposed", "proposed"), ("cleared", "cleared"), ("refused", "refused"), ("reviewed", "escalated"),
        ("declined in review", "declined_in_review"), ("synthesised", "synthesised"), ("lost", "lost"),
        ("failed steps", "failed_steps"), ("measured", "measured"), ("flagged", "flagged"), ("learnt", "learnt"),
        ("withheld", "withheld"), ("taken back", "retracted"), ("successes", "successes"),
        ("calibrations", "calibrations"), ("events", "events"),
    ]  # fmt: skip
    for label, key in rows:
        table.add_row(label, str(s[key]))
    table.add_row("virtual days" if order.virtual else "days", f"{s['virtual_days']:.1f}")
    table.add_row("wall time", f"{outcome.wall_seconds:.1f} s")
    console.print(table)
    _tell_faults(outcome.faults, console)
    for kind, reasons in outcome.troubles.items():
        for reason in reasons[:5]:
            console.print(f"{kind}: {reason}", style="yellow", markup=False)
    ledger = outcome.ledger
    if ledger["size"] is not None:
        witnessed = "signed and witnessed" if ledger["cosigned"] else "signed, not witnessed"
        console.print(f"ledger: {ledger['size']} events {witnessed}, root {ledger['root'][:16]}…", highlight=False)
    console.print(
        f"Everything is in [bold]{outcome.folder}[/bold]: store/ (the log), ledger/ (its proof), blobs/, "
        "report/index.html"
    )


def _tell_faults(reckoning: Reckoning, console: Console) -> None:
    """What the simulated world did to the lab, and what became of it."""
    if not reckoning.judged:
        return
    table = Table("fault injected", *(fate.value for fate in Fate), box=None, padding=(0, 2))
    for kind, fates in reckoning.table().items():
        table.add_row(kind.replace("_", " "), *(str(fates[fate] or "") for fate in Fate))
    console.print(table)
    console.print(
        f"faults injected {len(reckoning.judged)}: "
        + ", ".join(f"{fate.value} {len(reckoning.of(fate))}" for fate in Fate)
        + f"; poisoned labels {len(reckoning.poisoned)}"
        + "".join(f", {count} by {kind.replace('_', ' ')}" for kind, count in reckoning.poisoned_by().items())
    )
