"""The commands of `athanor ledger`; each imports its work when it is called."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    name="ledger",
    help="Check, prove, mend and hand over the ledger of a log.",
    no_args_is_help=True,
    add_completion=False,
)

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="The folder of a run, or of a ledger.")]
Keys = Annotated[
    list[str] | None,
    typer.Option("--key", metavar="VKEY", help="A verifier key of the log that you trust, or a file of such keys."),
]
Witnesses = Annotated[
    list[str] | None,
    typer.Option("--witness", metavar="VKEY", help="A witness that must have cosigned, or a file of such keys."),
]
Kept = Annotated[
    list[Path] | None, typer.Option("--seen", metavar="FILE", help="A checkpoint that you kept: it must be continued.")
]
Nats = Annotated[str | None, typer.Option(help="The NATS server that keeps the log, if not the folder.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


@app.command()
def verify(
    folder: Folder,
    keys: Keys = None,
    witnesses: Witnesses = None,
    seen: Kept = None,
    nats: Nats = None,
    stream: Annotated[bool, typer.Option("--stream/--no-stream", help="Compare the broker's stream as well.")] = True,
    artefacts: Annotated[
        bool, typer.Option("--artefacts/--no-artefacts", help="Compare patterns and models with their digests as well.")
    ] = True,
    as_json: Json = False,
) -> None:
    """Check entries, tiles, root, signatures, speakers, causes, and artefacts and the broker's stream beside them."""
    from ops.ledgering.checking import Asked, verify_folder

    raise typer.Exit(verify_folder(Asked(folder, keys, witnesses, seen, nats, stream, artefacts), as_json=as_json))


@app.command()
def fsck(
    folder: Folder,
    keys: Keys = None,
    as_json: Json = False,
) -> None:
    """Make all tiles anew from the entries, and compare every file."""
    from ops.ledgering.checking import Asked, fsck_folder

    raise typer.Exit(fsck_folder(Asked(folder, keys), as_json=as_json))


@app.command()
def prove(
    folder: Folder,
    sequence: Annotated[int, typer.Argument(metavar="SEQ", min=1, help="Place of the event in the log, from 1.")],
    out: Annotated[Path | None, typer.Option("-o", "--out", help="File to write; SEQ.tlog-proof by default.")] = None,
    as_json: Json = False,
) -> None:
    """Write a proof that an event stands in the log, in a file that can be checked offline."""
    from ops.ledgering.proving import prove_event

    raise typer.Exit(prove_event(folder, sequence, out, as_json=as_json))


@app.command()
def check_proof(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A file of athanor ledger prove.")],
    keys: Annotated[
        list[str], typer.Option("--key", metavar="VKEY", help="A verifier key of the log that you trust, or a file.")
    ],
    witnesses: Witnesses = None,
    as_json: Json = False,
) -> None:
    """Check a proof with nothing but a verifier key, and tell what it proves."""
    from ops.ledgering.proving import check_file

    raise typer.Exit(check_file(file, keys, witnesses or [], as_json=as_json))


@app.command()
def consistency(
    folder: Folder,
    old: Annotated[Path, typer.Argument(metavar="OLD", help="A checkpoint that you kept.")],
    keys: Keys = None,
    as_json: Json = False,
) -> None:
    """Prove that the ledger continues a checkpoint that was kept."""
    from ops.ledgering.proving import prove_consistency

    raise typer.Exit(prove_consistency(folder, old, keys or [], as_json=as_json))


@app.command()
def repair(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder of a run.")],
    nats: Annotated[str | None, typer.Option(help="Restore into this NATS server, which has no stream.")] = None,
    loose: Annotated[
        bool, typer.Option("--keep-loose/--drop-loose", help="Store messages behind that the ledger does not hold.")
    ] = True,
    as_json: Json = False,
) -> None:
    """Restore the broker's stream from the ledger; the damaged store is kept aside."""
    from ops.ledgering.mending import repair_folder

    raise typer.Exit(repair_folder(folder, nats, keep_loose=loose, as_json=as_json))


@app.command()
def export(
    folder: Folder,
    out: Annotated[Path, typer.Option("-o", "--out", help="File to write.")] = Path("ledger.athanor-ledger.tar"),
    artefacts: Annotated[
        bool, typer.Option("--artefacts/--no-artefacts", help="Put patterns and models into the file, too.")
    ] = True,
    as_json: Json = False,
) -> None:
    """Write the ledger, its artefacts and its verifier keys into one file for a reviewer."""
    from ops.ledgering.parcels import export_ledger

    raise typer.Exit(export_ledger(folder, out, with_artefacts=artefacts, as_json=as_json))


@app.command("import")
def bring_in(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A file of athanor ledger export.")],
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where the ledger shall lie, in DIR/ledger.")],
    keys: Keys = None,
    witnesses: Witnesses = None,
    seen: Kept = None,
    as_json: Json = False,
) -> None:
    """Unpack an exported ledger and verify it; it is kept only if nothing is wrong with it."""
    from ops.ledgering.parcels import import_ledger

    raise typer.Exit(import_ledger(file, folder, (keys, witnesses, seen), as_json=as_json))


@app.command()
def key(
    folder: Folder,
    rotate: Annotated[bool, typer.Option("--rotate", help="Make the next key, for which this one vouches.")] = False,
    as_json: Json = False,
) -> None:
    """Print the verifier key of the ledger: give it to whoever shall check it."""
    from ops.ledgering.keeping import show_key

    raise typer.Exit(show_key(folder, rotate=rotate, as_json=as_json))


@app.command()
def watch(
    place: Annotated[str, typer.Argument(metavar="DIR|URL", help="The folder of a run, or http://HOST:PORT/ledger.")],
    keys: Keys = None,
    nats: Nats = None,
    once: Annotated[bool, typer.Option("--once", help="Look once.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a checkpoint.")] = False,
) -> None:
    """Follow a ledger: each new checkpoint, and whether stream, ledger and witness agree; ends when they do not."""
    from ops.ledgering.watching import Asked
    from ops.ledgering.watching import watch as watch_ledger

    raise typer.Exit(watch_ledger(Asked(place, tuple(keys or ()), nats, once, as_json)))
