"""Answers as a table for people, as one JSON object a line, or as CSV."""

from __future__ import annotations

import csv
import json
import re
import sys
from collections.abc import Sequence
from enum import StrEnum
from itertools import islice
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ops.asking.statement import Answer
from ops.asking.values import as_cell, as_json
from ops.asking.wording import folded

NARROWEST, WIDEST = 12, 44
"""Least and most characters of a column that is not left as it is."""
_GAP = 2
_DIGEST = re.compile(r"\b([0-9a-f]{12})[0-9a-f]{52}\b")
_RIGHT = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UBIGINT", "FLOAT", "DOUBLE", "DECIMAL")


class Form(StrEnum):
    """How an answer is written."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


def show(answer: Answer, form: Form, most: int) -> None:
    """Writes an answer to stdout.

    Args:
        answer: to be written.
        form: how.
        most: rows that a table shows; JSON and CSV are always whole.
    """
    if form is Form.JSON:
        for row in answer.rows:
            cells = zip(answer.names, answer.kinds, row, strict=True)
            told = {
                name: json.loads(value) if kind == "JSON" and value else as_json(value) for name, kind, value in cells
            }
            sys.stdout.write(json.dumps(told, ensure_ascii=False) + "\n")
    elif form is Form.CSV:
        lines = csv.writer(sys.stdout, lineterminator="\n")
        lines.writerow(answer.names)
        for row in answer.rows:
            lines.writerow(_csv_cell(value) for value in row)
    else:
        _show_rows(answer, most)


def _csv_cell(value: Any) -> Any:
    plain = as_json(value)
    return json.dumps(plain, ensure_ascii=False) if isinstance(plain, dict | list | bool) else plain


def _show_rows(answer: Answer, most: int) -> None:
    console = Console(highlight=False)
    rows = list(islice(answer.rows, most + 1))
    shown = rows[:most]
    cells = [[as_cell(v, k) for v, k in zip(row, answer.kinds, strict=True)] for row in shown]
    if not cells:
        console.print("[dim]no rows[/dim]")
        return
    # digests give way first: nobody compares more than their beginnings by eye
    fits = sum(_natural(answer.names, cells)) + _GAP * (len(answer.names) - 1) <= console.width
    side_by_side = cells if fits else [[_DIGEST.sub(r"\1…", cell) for cell in row] for row in cells]
    widths = _widths(answer.names, side_by_side, console.width)
    if widths is not None:
        console.print(_table(answer, side_by_side, widths))
    else:
        _records(console, answer.names, cells)
    if len(rows) > most:
        console.print(f"[dim]the first {most} rows; --rows N shows more, --json and --csv write all[/dim]")
    elif len(cells) > 1:
        console.print(f"[dim]{len(cells)} rows[/dim]")


def _widths(names: Sequence[str], cells: Sequence[Sequence[str]], room: int) -> list[int] | None:
    """Width of each column so that all fit; none where even short columns do not.

    Columns give way from the widest on, so that short ones stay whole.
    """
    widths = [min(width, room) for width in _natural(names, cells)]
    left = room - _GAP * (len(names) - 1)
    if len(cells) > 1:
        widths = [min(width, max(WIDEST, left // max(len(names), 1))) for width in widths]
    while sum(widths) > left:
        widest = max(widths)
        if widest <= NARROWEST:
            return None
        widths[widths.index(widest)] = max(widest - max(1, (sum(widths) - left) // len(widths)), NARROWEST)
    return widths


def _natural(names: Sequence[str], cells: Sequence[Sequence[str]]) -> list[int]:
    return [max(len(name), *(_longest(row[n]) for row in cells)) for n, name in enumerate(names)]


def _longest(text: str) -> int:
    return max((len(line) for line in text.splitlines()), default=0)


def _table(answer: Answer, cells: Sequence[Sequence[str]], widths: Sequence[int]) -> Table:
    table = Table(box=None, padding=(0, _GAP, 0, 0), pad_edge=False, header_style="bold")
    for name, kind, width in zip(answer.names, answer.kinds, widths, strict=True):
        right = kind.startswith(_RIGHT) and not kind.endswith("[]")
        table.add_column(
            Text(name), justify="right" if right else "left", min_width=min(width, len(name)), max_width=width,
            no_wrap=True,
        )  # fmt: skip
    for row in cells:
        table.add_row(*(Text(folded(cell, width)) for cell, width in zip(row, widths, strict=True)))
    return table


def _records(console: Console, names: Sequence[str], cells: Sequence[Sequence[str]]) -> None:
    """One row under the other, for more columns than fit side by side."""
    room = console.width - max(map(len, names)) - _GAP
    for n, row in enumerate(cells, 1):
        if len(cells) > 1:
            console.rule(f"[dim]row {n}[/dim]", align="left", style="dim")
        table = Table(box=None, padding=(0, _GAP, 0, 0), pad_edge=False, show_header=False)
        table.add_column(style="bold", no_wrap=True)
        table.add_column(no_wrap=True)
        for name, cell in zip(names, row, strict=True):
            table.add_row(Text(name), Text(folded(cell, room)))
        console.print(table)
