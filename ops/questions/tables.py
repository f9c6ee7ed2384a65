"""A table of candidates: read whole, checked cell by cell, and kept as the file that it was."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bus.blobs import reference
from contracts.spaces import Table
from ops.questions.pages import Page, as_number

Cell = float | str
"""A number, or a word."""
SHOWN = 3
"""Mistakes of a table that are listed."""


@dataclass(frozen=True)
class Sheet:
    """A file of comma-separated values with a head line.

    Attributes:
        names: the columns.
        rows: their cells, as they are written.
    """

    names: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    @classmethod
    def read(cls, text: str) -> Sheet:
        """The sheet in a text.

        Raises:
            ValueError: it has no head, a name twice, or rows of another length than it.
        """
        lines = [row for row in csv.reader(io.StringIO(text, newline="")) if row]
        if len(lines) < 2:
            raise ValueError(f"expected a line of names and rows below it, got {len(lines)} lines")
        names = tuple(name.strip() for name in lines[0])
        if twice := sorted({name for name in names if names.count(name) > 1 or not name}):
            raise ValueError(
                f"expected each column to have a name of its own, got {', '.join(twice) or 'an empty one'}"
            )
        for n, row in enumerate(lines[1:], 2):
            if len(row) != len(names):
                raise ValueError(f"expected {len(names)} cells in line {n}, as there are names, got {len(row)}")
        return cls(names, tuple(tuple(cell.strip() for cell in row) for row in lines[1:]))

    def column(self, name: str) -> list[Cell]:
        """All cells of a column: numbers, or words.

        Raises:
            ValueError: a cell is missing or infinite, or only some of them are numbers.
        """
        at = self.names.index(name)
        cells = [row[at] for row in self.rows]
        numbers = [_number(cell) for cell in cells]
        for n, (cell, number) in enumerate(zip(cells, numbers, strict=True), 2):
            if not cell or cell.lower() in ("nan", "na", "n/a", "null", "none"):
                raise ValueError(f"expected a value in line {n}, got {cell or 'an empty cell'}")
            if number is not None and as_number(number) is None:
                raise ValueError(f"expected a finite number in line {n}, got {cell}")
        known = [number for number in numbers if number is not None]
        if known and len(known) < len(cells):
            n = numbers.index(None) + 2
            raise ValueError(f"expected numbers only, or words only, got {cells[n - 2]!r} in line {n} beside numbers")
        return list(known) if known else list(cells)


def _number(cell: str) -> float | None:
    try:
        return float(cell)
    except ValueError:
        return None


def candidates(sheet: Sheet, columns: Sequence[str], key: str | None) -> list[tuple[Cell, ...]]:
    """The candidates of a table, each once, in the order of their first rows.

    Args:
        sheet: the table.
        columns: what the planner sees.
        key: the column that names a candidate; without it rows alike in all columns are one.

    Raises:
        ValueError: a cell cannot be used, or one key names two different rows.
    """
    seen = list(zip(*(sheet.column(name) for name in columns), strict=True))
    if key is None:
        return list(dict.fromkeys(seen))
    by_key: dict[Cell, tuple[Cell, ...]] = {}
    for n, (name, row) in enumerate(zip(sheet.column(key), seen, strict=True), 2):
        if by_key.setdefault(name, row) != row:
            raise ValueError(
                f"expected rows of one key to be alike, got {name} in line {n} with other values than before"
            )
    return list(by_key.values())


def read_sheet(path: Path) -> tuple[bytes, Sheet]:
    """The bytes of a file, and the sheet in them.

    Raises:
        ValueError: it cannot be read, or is none.
    """
    try:
        content = path.read_bytes()
        text = content.decode("utf-8-sig")
    except OSError as error:
        raise ValueError(f"expected a file at {path}, got: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise ValueError(f"expected text in UTF-8 at {path}, got other bytes at {error.start}") from error
    return content, Sheet.read(text)


def read_table(page: Page, folder: Path) -> Table | None:
    """A table of candidates that a file names.

    Args:
        page: the table of the file.
        folder: where the file lies.
    """
    name, columns = page.text("table"), page.words("columns")
    key, formula, group = (page.text(k) or None for k in ("key", "formula", "group"))
    page.done()
    path = folder / name
    wanted = [column for column in (*columns, key, formula, group) if column is not None]
    try:
        content, sheet = read_sheet(path)
        _check(sheet, wanted, path.name)
        candidates(sheet, columns, key)
    except ValueError as error:
        page.wrong("table", str(error))
        return None
    document = {
        "rows": reference(content, "text/csv", path.name), "columns": columns, "key": key, "formula": formula,
        "group": group,
    }  # fmt: skip
    return page.made("", lambda: Table.model_validate(document))


def _check(sheet: Sheet, columns: Sequence[str], name: str) -> None:
    """Every column is there, and can be used.

    Raises:
        ValueError: one is not, or cannot.
    """
    if unknown := sorted(set(columns) - set(sheet.names)):
        raise ValueError(f"expected columns of {name} ({', '.join(sheet.names)}), got {', '.join(unknown)}")
    for column in columns:
        try:
            sheet.column(column)
        except ValueError as error:
            raise ValueError(f"column {column} of {name}: {error}") from error
