"""`athanor catalogue`: every event that agents may say."""

from __future__ import annotations

import json
import sys

from rich.console import Console
from rich.table import Table

from contracts.catalogue import CONVERSATIONS, kinds


def print_catalogue(*, as_json: bool) -> int:
    """Prints the catalogue; always 0."""
    if as_json:
        for event in kinds():
            document = {
                "kind": event.kind,
                "version": event.version,
                "name": event.__name__,
                "meaning": _meaning(event.__doc__),
                "fields": list(event.model_fields),
            }
            sys.stdout.write(json.dumps(document, ensure_ascii=False) + "\n")
        return 0
    console = Console()
    for module in CONVERSATIONS:
        table = Table("event", "kind", "version", "meaning", box=None, title=module.__name__.rpartition(".")[2])
        table.title_justify = "left"
        for event in kinds():
            if event.__module__ == module.__name__:
                table.add_row(event.__name__, event.kind, str(event.version), _meaning(event.__doc__))
        console.print(table)
        console.print()
    return 0


def _meaning(docstring: str | None) -> str:
    return " ".join((docstring or "").split("\n\n")[0].split())
