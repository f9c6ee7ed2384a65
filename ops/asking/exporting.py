"""`athanor export`: the views as Parquet files for other programs, with a manifest that says what they were made of.

The folder appears under its name when it is whole, and never takes the place of another one.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from bus.errors import BusError
from contracts.catalogue import kinds
from ops.asking.asking import Log, log_of, tell_troubles
from ops.asking.columns import literal
from ops.asking.errors import ExportError
from ops.asking.loading import Loaded
from ops.asking.shelves import views
from ops.errors import OpsError
from ops.exits import FOUND_WANTING, UNUSABLE, complain
from ops.version import version

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

MANIFEST = "manifest.json"


def export(log: Log, target: Path, *, as_json: bool) -> int:
    """Writes Parquet; 0 when it is written, 1 when something in the log was unreadable, 2 when it cannot be."""
    try:
        manifest, told = asyncio.run(_exported(log, target))
    except (OpsError, BusError) as error:
        complain(str(error))
        return UNUSABLE
    except OSError as error:
        complain(
            f"Expected to read {log.place} and to write {target}, got: {error}. Nothing was left there. Make room."
        )
        return UNUSABLE
    if as_json:
        sys.stdout.write(json.dumps({"out": str(target), **manifest}, ensure_ascii=False) + "\n")
    else:
        _tell(target, manifest)
    tell_troubles(told)
    return FOUND_WANTING if told.troubles else 0


async def _exported(log: Log, target: Path) -> tuple[dict[str, Any], Loaded]:
    target = target.absolute()
    if target.exists() or target.is_symlink():
        raise ExportError(
            f"Expected a folder that does not exist yet, got {target}. Nothing is overwritten: give another name."
        )
    if not target.parent.is_dir():
        raise ExportError(f"Expected to make {target.name} in a folder, got {target.parent}. Make that first.")
    # beside the target, so that naming it is one step and cannot be half done
    scratch = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        async with log_of(log, scratch) as (connection, told):
            manifest = write(connection, scratch, told)
        scratch.chmod(0o755)
        scratch.rename(target)
    except BaseException:
        shutil.rmtree(scratch, ignore_errors=True)
        raise
    return manifest, told


def write(connection: DuckDBPyConnection, folder: Path, told: Loaded) -> dict[str, Any]:
    """Writes a file for each view, and the manifest; returns what stands in it.

    Args:
        connection: the log, allowed to write into `folder`.
        folder: where to.
        told: what was brought in.

    Raises:
        ExportError: a file cannot be written.
    """
    import duckdb

    files = []
    try:
        for view in views():
            path = folder / f"{view.name}.parquet"
            (rows,) = connection.execute(
                f"COPY (FROM {view.name}) TO {literal(str(path))} "
                f"(FORMAT parquet, COMPRESSION zstd, KV_METADATA {{about: {literal(view.about)}}})"
            ).fetchone() or (0,)
            types = connection.execute(f"DESCRIBE {view.name}").fetchall()
            columns = [
                {"name": name, "type": kind, "about": column.comment}
                for (name, kind, *_), column in zip(types, view.columns, strict=True)
            ]
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            files.append(
                {"file": path.name, "rows": rows, "bytes": path.stat().st_size, "sha256": digest, "about": view.about}
                | {"columns": columns}
            )
    except duckdb.Error as error:
        raise ExportError(f"Expected to write {path.name}, got: {error}. Nothing was left there.") from error
    stored = connection.execute("SELECT kind, version, count(*) FROM events GROUP BY ALL ORDER BY ALL").fetchall()
    manifest = {
        "athanor": version(),
        "log": {"events": told.events, "last_sequence": told.last, "last_event_sha256": told.last_sha256},
        "unreadable": len(told.troubles),
        "schemas": {event.kind: event.version for event in kinds()},
        "stored": [{"kind": kind, "version": number, "events": count} for kind, number, count in stored],
        "files": files,
    }
    text = json.dumps(manifest, indent=1, ensure_ascii=False) + "\n"
    (folder / MANIFEST).write_text(text, encoding="utf-8")
    return manifest


def _tell(target: Path, manifest: dict[str, Any]) -> None:
    console = Console(highlight=False)
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
    table.add_column("file")
    table.add_column("rows", justify="right")
    table.add_column("kB", justify="right")
    empty = [file for file in manifest["files"] if not file["rows"]]
    for file in manifest["files"]:
        if file["rows"]:
            table.add_row(file["file"], f"{file['rows']:,}", f"{file['bytes'] / 1000:,.1f}")
    console.print(table)
    log = manifest["log"]
    told = f"{log['events']:,} events up to sequence {log['last_sequence']} are in {target}"
    console.print(f"{told}, with {len(empty)} files of no rows and {MANIFEST}", markup=False, soft_wrap=True)
