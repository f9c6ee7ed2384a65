"""The command `athanor`. Heavy libraries are imported by the command that needs them, never to print help."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from contracts.errors import ContractError
from ops.asking import cli as asking
from ops.errors import OpsError
from ops.exits import INTERRUPTED, UNUSABLE, complain
from ops.ledgering.command import app as ledger_app
from ops.libraries import app as library_app
from ops.plotting import command as plotting
from ops.seats.command import app as agent_app

app = typer.Typer(
    name="athanor",
    help="Runs an autonomous materials laboratory, and can prove afterwards what it did and why.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

BEGIN, REAL_TIME, LOOK_BACK = "Campaigns", "A lab in real time", "What happened, and why"
PROVE, PATTERNS, PLUG_IN = "Evidence", "Diffraction patterns", "Agents of your own"
"""Under which heading `--help` lists a command."""


def _version(asked: bool) -> None:  # noqa: FBT001  typer's callback
    if asked:
        from ops.version import version

        typer.echo(f"athanor {version()}")
        raise typer.Exit


@contextmanager
def _usable() -> Iterator[None]:
    """Input that cannot be used ends the command with a sentence."""
    try:
        yield
    except (OpsError, ContractError) as error:
        complain(str(error))
        raise typer.Exit(UNUSABLE) from None


@app.callback()
def athanor(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Runs an autonomous materials laboratory, and can prove afterwards what it did and why."""


@app.command(rich_help_panel=BEGIN)
def campaigns(as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")] = False) -> None:
    """List the campaigns that are shipped."""
    from ops.checking import list_campaigns

    raise typer.Exit(list_campaigns(as_json=as_json))


@app.command(rich_help_panel=BEGIN)
def check(
    campaign: Annotated[str, typer.Argument(help="A shipped campaign, or a TOML file.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Read a campaign without running it: how much there is to choose from, who plays what, what it will take."""
    from ops.checking import check_campaign

    with _usable():
        raise typer.Exit(check_campaign(campaign, as_json=as_json))


@app.command(rich_help_panel=BEGIN)
def run(
    campaign: Annotated[str, typer.Argument(help="A shipped campaign (bso-match, quick, file-drop) or a TOML file.")],
    seed: Annotated[int, typer.Option(min=0, help="Seed of everything that is drawn at random.")] = 0,
    max_samples: Annotated[int | None, typer.Option(min=0, help="Vials to make, instead of the file's.")] = None,
    until_weeks: Annotated[float | None, typer.Option(help="Weeks on the lab's clock, instead of the file's.")] = None,
    strategy: Annotated[str | None, typer.Option(help="composite or random, instead of the file's.")] = None,
    virtual: Annotated[
        bool, typer.Option("--virtual/--real-time", help="Let the clock jump when everybody waits.")
    ] = True,
    nats: Annotated[str | None, typer.Option(help="Use this NATS server instead of the embedded one.")] = None,
    keys: Annotated[
        Path | None, typer.Option(help="Private keys for that server: a folder of NAME.nk, or one file for everybody.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Where everything is written; the same folder goes on.")] = None,
    telemetry: Annotated[
        bool, typer.Option("--telemetry/--no-telemetry", help="Write spans, log and numbers into DIR/telemetry.")
    ] = True,
    witness: Annotated[
        str, typer.Option(help="Who cosigns the ledger: beside (one of our own), none, or its address.")
    ] = "beside",
    witness_key: Annotated[str, typer.Option(help="Verifier key of a witness elsewhere.")] = "",
    workers: Annotated[
        int, typer.Option(min=1, max=4, help="Processes for heavy science; what is decided is the same.")
    ] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object as the last line.")] = False,
) -> None:
    """Run a campaign to its end; Ctrl-C stops it cleanly and the same command goes on."""
    from ops.order import Order, Witnessing
    from ops.settings import load_campaign

    changes: dict[str, dict[str, object]] = {}
    if max_samples is not None:
        changes.setdefault("budget", {})["max_samples"] = max_samples
    if until_weeks is not None:
        changes.setdefault("budget", {})["max_weeks"] = until_weeks
    if strategy is not None:
        changes["planner"] = {"strategy": strategy}
    with _usable():
        plan = load_campaign(campaign, changes)
    where = out or Path("runs") / f"{plan.name}-{seed}"
    witnessing = Witnessing(witness, witness_key)
    order = Order(plan, seed, virtual, where, nats, workers, telemetry, witnessing, keys)
    from ops.running import run_order  # only now: a mistake in the file is told before the lab is imported

    raise typer.Exit(run_order(order, as_json=as_json))


@app.command(rich_help_panel=LOOK_BACK)
def replay(
    place: Annotated[str, typer.Argument(metavar="DIR|URL", help="The folder of a run, or nats://HOST:PORT.")],
    until: Annotated[str | None, typer.Option(help="Sequence or time at which to stop.")] = None,
    agent: Annotated[list[str] | None, typer.Option(help="Only this agent; may be given again.")] = None,
    what_if: Annotated[
        list[str] | None, typer.Option(help="Change the plan: trust.alpha=0.05, planner=random.")
    ] = None,
    since: Annotated[int, typer.Option("--from", min=1, help="Sequence from which --what-if holds.")] = 1,
    nats: Annotated[str | None, typer.Option(help="The NATS server that keeps the log, if not the folder.")] = None,
    campaign: Annotated[str | None, typer.Option(help="Which campaign, where the log holds several.")] = None,
    tolerance: Annotated[
        float, typer.Option(min=0, max=1e-3, help="Let numbers pass that depart by rounding only, such as 1e-9.")
    ] = 0.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Make every recorded decision again, byte for byte, and tell what differs, or what another plan would change."""
    from ops.replays.command import ReplayOrder
    from ops.replays.command import replay as replay_past

    order = ReplayOrder(
        place, until, tuple(agent or ()), tuple(what_if or ()), since, nats, campaign, tolerance, as_json
    )
    raise typer.Exit(replay_past(order))


@app.command(rich_help_panel=LOOK_BACK)
def report(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder of a run.")],
    beside: Annotated[Path | None, typer.Option(help="Folder of another run, such as a random search.")] = None,
    nats: Annotated[str | None, typer.Option(help="The NATS server that keeps the log, if not the folder.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Write a page about a run: what was made, what was found, and how far it can be believed."""
    from ops.reports.writing import report_folder

    raise typer.Exit(report_folder(folder, server=nats, beside=beside, as_json=as_json))


Wavelength = Annotated[float | None, typer.Option(help="K-alpha-1 in angstrom, if better known.")]
PatternAxis = Annotated[
    str | None, typer.Option("--axis", help="What the values of a text file are: 2theta, radians, q, q-nm or d.")
]


@app.command(rich_help_panel=PATTERNS)
def identify(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Measured powder patterns.")],
    elements: Annotated[str, typer.Option(help="Elements that the sample may contain: Ba,Ti,O")],
    library: Annotated[Path | None, typer.Option(help="Folder of CIF files, a built library, or one in TOML.")] = None,
    wavelength: Wavelength = None,
    axis: PatternAxis = None,
    plot: Annotated[Path | None, typer.Option(help="Draw the answer: .png, .pdf or .svg.")] = None,
    standard: Annotated[
        Path | None, typer.Option(help="Scan of a reference powder on the same diffractometer, to correct cells by.")
    ] = None,
    standard_name: Annotated[str, typer.Option(help="What powder that is: Si, LaB6 or Al2O3.")] = "Si",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")] = False,
) -> None:
    """Name the phases in measured patterns, or say that they cannot be named."""
    from ops.identifying import IdentifyOrder, identify_files

    order = IdentifyOrder(elements, library, wavelength, axis, plot, as_json, standard, standard_name)
    raise typer.Exit(identify_files(files, order))


@app.command(rich_help_panel=PATTERNS)
def plot_pattern(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Measured powder patterns.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The picture: .png, .pdf or .svg.")],
    log: Annotated[bool, typer.Option("--log", help="Logarithmic intensities.")] = False,
    d: Annotated[bool, typer.Option("--d", help="Lattice spacings instead of angles.")] = False,
    wavelength: Wavelength = None,
    axis: PatternAxis = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Draw measured patterns, one above the other."""
    from ops.plotting.patterns import PatternsOrder, plot_files

    raise typer.Exit(plot_files(files, out, PatternsOrder(log, d, axis, wavelength), as_json=as_json))


@app.command(rich_help_panel=PLUG_IN)
def catalogue(as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")] = False) -> None:
    """List every event that agents may say."""
    from ops.cataloguing import print_catalogue

    raise typer.Exit(print_catalogue(as_json=as_json))


Out = Annotated[Path, typer.Argument(metavar="DIR", help="The folder of the daemon.")]


@app.command(rich_help_panel=REAL_TIME)
def up(
    config: Annotated[Path | None, typer.Option(help="Settings in TOML; athanor.toml here by default.")] = None,
    out: Annotated[Path | None, typer.Option(help="Where everything is written, instead of the file's.")] = None,
    campaign: Annotated[str | None, typer.Option(help="A shipped campaign or a TOML file.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Seed of everything that is drawn at random.")] = None,
    nats: Annotated[str | None, typer.Option(help="Use this NATS server instead of the embedded one.")] = None,
    keys: Annotated[
        Path | None, typer.Option(help="Private keys for that server: a folder of NAME.nk, or one file for everybody.")
    ] = None,
    agents: Annotated[str | None, typer.Option(help="Run only these agents here: planner,retrainer")] = None,
    http_port: Annotated[int | None, typer.Option(help="Port on 127.0.0.1; 0 takes a free one.")] = None,
    speed: Annotated[float | None, typer.Option(help="Time-lapse for a lab in which everything is simulated.")] = None,
    telemetry: Annotated[
        bool | None,
        typer.Option("--telemetry/--no-telemetry", help="Write spans, log and numbers into DIR/telemetry."),
    ] = None,
    witness: Annotated[
        str | None, typer.Option(help="Who cosigns the ledger: beside (one of our own), none, or its address.")
    ] = None,
    witness_key: Annotated[str | None, typer.Option(help="Verifier key of a witness elsewhere.")] = None,
) -> None:
    """Run the lab in real time until it is told to stop; started again it goes on where it was."""
    from ops.daemon.settings import load_daemon_file, order_of

    given = {"out": out, "campaign": campaign, "seed": seed, "nats": nats, "http_port": http_port, "speed": speed}
    given |= {"telemetry": telemetry, "keys": keys}
    changes: dict[str, object] = {k: v for k, v in given.items() if v is not None}
    asked = {"witness": witness, "witness_key": witness_key}
    if ledger := {k: v for k, v in asked.items() if v is not None}:
        changes["ledger"] = ledger
    if agents is not None:
        changes["agents"] = [a.strip() for a in agents.split(",") if a.strip()]
    with _usable():
        file = load_daemon_file(config, changes)
        order = order_of(file)
    from ops.daemon.up import up as run_daemon  # only now, as for `run`

    raise typer.Exit(run_daemon(file, order, lambda line: typer.echo(line, err=True)))


@app.command(rich_help_panel=REAL_TIME)
def status(
    folder: Out = Path("lab"), as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False
) -> None:
    """Tell how the daemon is."""
    from ops.daemon.controls import show_status

    raise typer.Exit(show_status(folder, as_json=as_json))


@app.command(rich_help_panel=REAL_TIME)
def pause(
    folder: Out = Path("lab"), reason: Annotated[str, typer.Option(help="Why.")] = "asked at the console"
) -> None:
    """Begin nothing new; what runs goes on to its end."""
    from ops.daemon.controls import switch

    raise typer.Exit(switch(folder, "pause", reason))


@app.command(rich_help_panel=REAL_TIME)
def resume(
    folder: Out = Path("lab"), reason: Annotated[str, typer.Option(help="Why.")] = "asked at the console"
) -> None:
    """Go on after a pause."""
    from ops.daemon.controls import switch

    raise typer.Exit(switch(folder, "resume", reason))


@app.command(rich_help_panel=REAL_TIME)
def retry(
    folder: Out = Path("lab"),
    agent: Annotated[str, typer.Option(help="Only what this agent has set aside.")] = "",
    reason: Annotated[str, typer.Option(help="Why.")] = "asked at the console",
) -> None:
    """Take up again what agents have set aside, after what stood in their way is gone."""
    from ops.daemon.controls import retry as retry_parked

    raise typer.Exit(retry_parked(folder, agent, reason))


@app.command(rich_help_panel=REAL_TIME)
def stop(folder: Out = Path("lab")) -> None:
    """Drain the daemon and wait for its end."""
    from ops.daemon.controls import stop as stop_daemon

    raise typer.Exit(stop_daemon(folder))


@app.command(rich_help_panel=REAL_TIME)
def doctor(
    folder: Out = Path("lab"), as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False
) -> None:
    """Look at the installation, disk, ports, broker and clock."""
    from ops.doctoring import examine

    raise typer.Exit(examine(folder, as_json=as_json))


@app.command(rich_help_panel=PROVE)
def witness(
    trust: Annotated[
        list[str],
        typer.Option(metavar="VKEY", help="Verifier key of a log to witness (athanor ledger key), or a file."),
    ],
    key: Annotated[Path, typer.Option(help="Private key; made on the first run.")] = Path("witness/key/private"),
    state: Annotated[Path, typer.Option(help="Folder for what it has cosigned.")] = Path("witness/state"),
    listen: Annotated[str, typer.Option(help="host:port; port 0 takes a free one.")] = "127.0.0.1:8421",
    card: Annotated[Path | None, typer.Option(hidden=True)] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object when it listens.")] = False,
) -> None:
    """Witness ledgers: cosign each checkpoint that is proved to continue the last one, and never two histories."""
    from ops.witnessing import WitnessOrder, run_witness

    raise typer.Exit(run_witness(WitnessOrder(key, state, trust, listen, as_json, card)))


app.add_typer(ledger_app, rich_help_panel=PROVE)
app.add_typer(library_app, rich_help_panel=PATTERNS)
app.add_typer(agent_app, rich_help_panel=PLUG_IN)
app.command(rich_help_panel=PATTERNS)(plotting.plot_drift)
app.command(rich_help_panel=LOOK_BACK)(asking.query)
app.command(rich_help_panel=LOOK_BACK)(asking.trace)
app.command(rich_help_panel=LOOK_BACK)(asking.export)


def main() -> None:
    """Entry point of the command."""
    try:
        app(standalone_mode=True)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


if __name__ == "__main__":
    main()
