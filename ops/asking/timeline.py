"""A life drawn for people: a head that says how it ended, then days and hours down the left, and what happened."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ops.asking.moment import Moment, Tone, lasted
from ops.asking.wording import folded, span
from ops.wording import unicode_formula

_COLOURS = {Tone.PLAIN: "", Tone.GOOD: "green", Tone.DOUBT: "yellow", Tone.BAD: "red"}
_FATES = {
    "success": "green", "learnt": "green", "withheld": "yellow", "retracted": "yellow", "under way": "cyan",
    "lost": "red", "refused": "red", "declined": "red",
}  # fmt: skip
_WIDEST = 110
"""Characters of a line; longer ones are hard to follow."""
_HOUR, _MARK, _WHAT, _TOOK = 5, 1, 10, 11
"""Widths of the columns around the one with the words."""


def draw(name: str, campaign: str, row: Mapping[str, Any], moments: Sequence[Moment]) -> None:
    """Prints a life.

    Args:
        name: whose.
        campaign: where.
        row: what became of it.
        moments: what happened to it.
    """
    console = Console(highlight=False)
    width = min(console.width, _WIDEST)
    console.print(_head((name, campaign), row, moments, width), width=width, no_wrap=True)
    what = max([_WHAT, *(len(moment.what) for moment in moments)])
    day = ""
    table = _grid(what)
    for moment in moments:
        today = f"{moment.began:%A %d %B %Y}".replace(" 0", " ")
        if today != day:
            _print(console, table, width)
            console.print(Text(f"\n{today}", style="bold"))
            day, table = today, _grid(what)
        _add(table, moment, width - _HOUR - _MARK - what - _TOOK - 4)
    _print(console, table, width)


def _print(console: Console, table: Table, width: int) -> None:
    if table.row_count:
        console.print(table, width=width)


def _head(names: tuple[str, str], row: Mapping[str, Any], moments: Sequence[Moment], width: int) -> Text:
    name, campaign = names
    fate = str(row["fate"] or "not known")
    text = Text.assemble((name, "bold"), f"  {unicode_formula(str(row['formula'] or 'a sample that nobody proposed'))}")
    if row["family"]:
        text.append(f" ({row['family']})")
    text.append(f"  {campaign}", style="dim")
    if row["recipe"]:
        text.append(f"\n{folded(row['recipe'], width)}")
    text.append("\n")
    text.append(fate, style=f"bold {_FATES.get(fate, '')}")
    if row["utility"] is not None:
        text.append(f", utility {row['utility']:.3g}")
    text.append(f", {lasted(list(moments))} on the lab's clock")
    if row["why"]:
        text.append(f"\n{folded(row['why'], width)}", style=_FATES.get(fate, ""))
    return text


def _grid(what: int) -> Table:
    table = Table.grid(padding=(0, 1, 0, 0))
    table.add_column(no_wrap=True, style="dim", width=_HOUR)
    table.add_column(no_wrap=True, width=_MARK)
    table.add_column(no_wrap=True, width=what)
    table.add_column(no_wrap=True, ratio=1)
    table.add_column(no_wrap=True, justify="right", style="dim", width=_TOOK)
    table.expand = True
    return table


def _add(table: Table, moment: Moment, room: int) -> None:
    colour = _COLOURS[moment.tone]
    mark = "\N{BOX DRAWINGS LIGHT VERTICAL}" if moment.step else "\N{BLACK CIRCLE}"
    told = Text(folded(moment.told, room))
    for detail in moment.details:
        told.append(f"\n{folded(detail, room, '  ')}", style=colour if moment.step else "dim")
    style = colour if moment.step else f"bold {colour}"
    took = span(moment.took) if moment.took is not None else ""
    table.add_row(f"{moment.began:%H:%M}", Text(mark, style=colour), Text(moment.what, style=style), told, took)
