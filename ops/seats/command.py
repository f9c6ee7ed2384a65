"""``athanor agent …``: a seat for an agent in any language, and a look at what it does there."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    name="agent", help="Seats for agents in any language: make one, check who sits there.", no_args_is_help=True
)

Name = Annotated[str, typer.Argument(help="Who: a new name, or one of the lab's agents, whose seat is taken over.")]


@app.command()
def new(
    name: Name,
    says: Annotated[
        str, typer.Option(help="Kinds that it may say: review.decided,… (athanor catalogue lists all).")
    ] = "",
    hears: Annotated[str, typer.Option(help="Kinds that it listens to.")] = "",
    place: Annotated[Path, typer.Option("--for", metavar="DIR", help="The folder of the lab.")] = Path("lab"),
    language: Annotated[
        str, typer.Option(help="Of the beginning of its code: python, javascript or shell.")
    ] = "python",
    public_key: Annotated[str, typer.Option(help="Its public key (U…), where the private one is kept elsewhere.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Make a key with rights for an agent, and a program to begin with."""
    from ops.seats.making import SeatOrder, make_seat

    raise typer.Exit(make_seat(SeatOrder(name, says, hears, place, language, public_key, as_json)))


@app.command()
def check(
    name: Name,
    place: Annotated[Path, typer.Argument(metavar="DIR", help="The folder of the lab, or of its keys.")] = Path("lab"),
    run: Annotated[
        str | None, typer.Option(help="The program; URL, KEY and CAMPAIGN are added. Without it you start it yourself.")
    ] = None,
    patience: Annotated[float, typer.Option(min=1, help="Seconds that each step may take.")] = 30.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Let an agent work in a small lab of its own, trouble it, and tell which promises it keeps."""
    from ops.seats.checking import CheckOrder, check_agent

    raise typer.Exit(check_agent(CheckOrder(name, place, run, patience, as_json)))
