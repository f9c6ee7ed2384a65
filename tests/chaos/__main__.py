"""``python -m tests.chaos --kills 100 --seed 1``: kills everything at random moments and prints what was lost."""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.chaos.crews import crews
from tests.chaos.lives import Tale, daemon, summary_of, virtual, wired
from tests.system.console import athanor, small, summary

Life = Callable[[Path, Path, int, random.Random, int], Awaitable[Tale]]
SHARES: tuple[tuple[Life, float], ...] = ((virtual, 0.4), (wired, 0.25), (daemon, 0.2), (crews, 0.15))
"""How the kills are shared out."""
AT_MOST = 30
"""Kills of one campaign."""


async def chaos(kills: int, seed: int, folder: Path, told: Callable[[str], None]) -> list[Tale]:
    """Kills, until there were that many.

    Args:
        kills: how many.
        seed: of what is killed and when.
        folder: where the campaigns are.
        told: a line of progress.
    """
    dice, tales, undisturbed = random.Random(seed), list[Tale](), dict[int, str]()
    campaign = small(folder)
    for life, share in SHARES:
        left = max(1, round(kills * share)) if life is not virtual else kills - sum(
            max(1, round(kills * s)) for other, s in SHARES if other is not virtual
        )  # fmt: skip
        while left > 0:
            n = len(tales)
            plan = seed + n % 2
            out = folder / f"{life.__name__}-{n}"
            try:
                tale = await life(campaign, out, min(left, AT_MOST), dice, plan)
            except TimeoutError as error:
                tale = Tale(life.__name__, wrong=[str(error)])
            if life in {virtual, wired} and not tale.wrong:
                if plan not in undisturbed:
                    calm = athanor("run", campaign, "--seed", plan, "--out", folder / f"calm-{plan}", "--json")
                    undisturbed[plan] = summary(calm)["decisions_sha256"]
                tale.same_decisions = summary_of(out)["decisions_sha256"] == undisturbed[plan]
            tales.append(tale)
            left -= tale.kills.total()
            told(f"{out.name}: {dict(tale.kills)} {'clean' if tale.clean else 'NOT CLEAN'}")
            if tale.wrong or not tale.kills:
                break  # a campaign that cannot go on is a finding, and not to be repeated for ever
    return tales


def show(tales: list[Tale], seconds: float, console: Console) -> bool:
    """Prints the table; whether everything is as it should be."""
    table = Table(box=None)
    for title in ("killed", "kills", "restarts", "events lost", "heated twice", "gaps", "same decisions", "wall time"):
        table.add_column(title, justify="left" if title == "killed" else "right")
    kinds = list(Counter(kind for tale in tales for kind in tale.kills))
    for kind in kinds:
        mine = [t for t in tales if kind in t.kills]
        compared = [t.same_decisions for t in mine if t.same_decisions is not None]
        table.add_row(
            kind,
            *(str(sum(getattr(t, name)[kind] for t in mine)) for name in ("kills", "restarts", "lost")),
            *(str(sum(getattr(t.findings, name) for t in mine)) for name in ("heated_twice", "gaps")),
            f"{sum(compared)} of {len(compared)}" if compared else "real time",
            f"{sum(t.seconds[kind] for t in mine):.0f} s",
        )
    table.add_row(
        "all",
        *(str(sum(getattr(t, name).total() for t in tales)) for name in ("kills", "restarts", "lost")),
        *(str(sum(getattr(t.findings, name) for t in tales)) for name in ("heated_twice", "gaps")),
        f"{sum(t.same_decisions is True for t in tales)} of {sum(t.same_decisions is not None for t in tales)}",
        f"{seconds:.0f} s",
    )
    console.print(table)
    for tale in tales:
        found = tale.findings
        for words in (*tale.wrong, *found.words):
            console.print(f"! {tale.what}: {words}", markup=False, highlight=False)
        if found.said_twice or found.unannounced:
            console.print(f"! {tale.what}: {found.said_twice} said twice, {found.unannounced} actions without intent")
    return all(t.clean for t in tales)


def main() -> int:
    """Runs what was typed; 1 when anything is wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="a new folder for the campaigns, which are kept")
    asked = parser.parse_args()
    console, began = Console(width=120), time.monotonic()
    with tempfile.TemporaryDirectory(prefix="athanor-chaos-") as scratch:
        folder = asked.keep or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        tales = asyncio.run(chaos(asked.kills, asked.seed, folder, lambda line: console.print(line, markup=False)))
    return 0 if show(tales, time.monotonic() - began, console) else 1


if __name__ == "__main__":
    sys.exit(main())
