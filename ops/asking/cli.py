"""The commands that ask the log: `query`, `trace` and `export`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ops.exits import UNUSABLE, complain

PLACE = "The folder of a run, or nats://HOST:PORT of a live server."
Place = Annotated[str, typer.Argument(metavar="DIR|URL", help=PLACE)]
Until = Annotated[int | None, typer.Option(min=1, metavar="SEQ", help="Ask the log as it was up to this place.")]
Key = Annotated[
    Path | None,
    typer.Option(help="For a server that asks who we are: the key of a reader, or a folder with reader.nk in it."),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")]


def query(
    place: Annotated[str | None, typer.Argument(metavar="DIR|URL", help=PLACE, show_default=False)] = None,
    sql: Annotated[
        str | None, typer.Argument(metavar="SQL", help="One statement that reads; - takes it from stdin.")
    ] = None,
    tables: Annotated[
        bool, typer.Option("--tables", help="List the views and their columns; of one view, if its name follows.")
    ] = False,
    until: Until = None,
    key: Key = None,
    rows: Annotated[int, typer.Option(min=1, help="Most rows of a table; JSON and CSV are always whole.")] = 100,
    as_json: Json = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
) -> None:
    """Ask the log in SQL: athanor query DIR "SELECT fate, count(*) FROM samples GROUP BY fate"."""
    from ops.asking.asking import Log, Question, list_views
    from ops.asking.asking import query as ask
    from ops.asking.showing import Form

    if tables:
        names = [word for word in (place, sql) if word and "://" not in word and not Path(word).is_dir()]
        raise typer.Exit(list_views(names, as_json=as_json))
    if place is None or sql is None or (as_json and as_csv):
        complain(
            'Expected a folder and a statement, such as: athanor query runs/quick "FROM samples". '
            "athanor query --tables lists what there is to select from; --json and --csv exclude each other."
        )
        raise typer.Exit(UNUSABLE)
    form = Form.JSON if as_json else Form.CSV if as_csv else Form.TABLE
    raise typer.Exit(ask(Question(Log(place, until, key), sql, form, rows)))


def trace(
    name: Annotated[str, typer.Argument(metavar="SAMPLE", help="A sample, a candidate, or how one of them begins.")],
    place: Place,
    campaign: Annotated[str | None, typer.Option(help="Which campaign, where the log holds several.")] = None,
    until: Until = None,
    key: Key = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Tell the life of one sample: what was done to it, when, for how long and why."""
    from ops.asking.asking import Log
    from ops.asking.tracing import trace as tell

    raise typer.Exit(tell(name, Log(place, until, key), campaign, as_json=as_json))


def export(
    place: Place,
    parquet: Annotated[Path, typer.Option(metavar="OUT", help="The folder to make; one that exists is refused.")],
    until: Until = None,
    key: Key = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Write every view of the log as a Parquet file, with a manifest."""
    from ops.asking.asking import Log
    from ops.asking.exporting import export as write

    raise typer.Exit(write(Log(place, until, key), parquet, as_json=as_json))
