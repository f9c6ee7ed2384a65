"""`athanor library`: builds a phase library of a folder of structure files, and shows what is in one."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from ops.exits import UNUSABLE, complain

app = typer.Typer(name="library", help="Build and show libraries of known phases.", no_args_is_help=True)

COPPER = 1.540593


@app.command()
def build(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of CIF files, or of our own TOML files.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The file to write, such as oxides.phases.")],
    wavelength: Annotated[float, typer.Option(help="Wavelength in angstrom of the dispersion in the lines.")] = COPPER,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Calculate all lines once, gather what a powder cannot tell apart, list and skip broken files."""
    from science.diffraction.built import SUFFIX, to_bytes
    from science.diffraction.built import build as build_library
    from science.diffraction.errors import DiffractionError
    from science.diffraction.library import PhaseLibrary

    if out.suffix != SUFFIX:
        _unusable(f"Expected a file that ends in {SUFFIX} after -o, got {out}: that is how it will be known again.")
    if not 0.1 < wavelength < 5:
        _unusable(f"Expected a wavelength between 0.1 and 5 angstrom, got {wavelength:g}.")
    began = time.perf_counter()
    try:
        known = PhaseLibrary.load(folder)
        built = build_library(known.crystals, known.skipped, known.sha256, wavelength)
        out.write_bytes(to_bytes(built))
    except (DiffractionError, OSError) as error:
        _unusable(str(error))
    seconds = time.perf_counter() - began
    _tell(out, as_json=as_json, seconds=seconds)


@app.command()
def show(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="A library that was built, or a folder of CIF files.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Tell what a library holds: phases, classes, wavelength, digest, and the files that it skipped."""
    _tell(path, as_json=as_json)


def _tell(path: Path, *, as_json: bool, seconds: float | None = None) -> None:
    from science.diffraction.built import SUFFIX, from_file
    from science.diffraction.built import build as build_library
    from science.diffraction.errors import DiffractionError
    from science.diffraction.library import PhaseLibrary

    try:
        known = PhaseLibrary.load(path)
        if path.suffix == SUFFIX:
            built = from_file(path)
        else:
            built = build_library(known.crystals, known.skipped, known.sha256, COPPER)
    except DiffractionError as error:
        _unusable(str(error))
    named = [f"{c.name} ({c.space_group})" for c in built.crystals]
    document = {
        "file": str(path),
        "phases": len(built.crystals),
        "lines": sum(len(s.q) for s in built.sticks),
        "wavelength": built.wavelength,
        "sha256": built.sha256,
        "classes": [[named[n] for n in members] for members in built.classes],
        "skipped": list(built.skipped),
        **({} if seconds is None else {"seconds": round(seconds, 2)}),
    }
    if as_json:
        sys.stdout.write(json.dumps(document, ensure_ascii=False) + "\n")
    else:
        _print(document)
    raise typer.Exit(1 if built.skipped else 0)


def _print(document: dict[str, object]) -> None:
    console = Console()
    table = Table(show_header=False, box=None)
    for name in ("phases", "lines", "wavelength", "sha256", "seconds"):
        if name in document:
            table.add_row(name, str(document[name]))
    console.print(f"[bold]{document['file']}[/bold]")
    console.print(table)
    for title, rows in (("a powder cannot tell apart", document["classes"]), ("skipped", document["skipped"])):
        assert isinstance(rows, list)  # noqa: S101  made above
        if rows:
            console.print(f"{title}:")
        for row in rows:
            console.print(f"  {row if isinstance(row, str) else ' = '.join(row)}", highlight=False)


def _unusable(message: str) -> None:
    complain(message)
    raise typer.Exit(UNUSABLE)
