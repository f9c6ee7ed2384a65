"""`athanor report`: from the folder of a run to its page."""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import dataclass
from pathlib import Path

from bus.errors import BusError
from ops.errors import OpsError
from ops.exits import UNUSABLE, complain
from ops.reports.errors import ReportError
from ops.reports.evidence import Evidence, gather
from ops.reports.page import page
from ops.reports.story import Story, tell


@dataclass(frozen=True)
class Written:
    """A report that was written.

    Attributes:
        path: of the page.
        events: that it was made of.
        troubles: what could not be read or does not agree; the page says so too.
    """

    path: Path
    events: int
    troubles: tuple[str, ...]


def write_report(folder: Path, *, server: str | None = None, beside: Path | None = None) -> Written:
    """Writes ``report/index.html`` into the folder of a run; the same log gives the same bytes.

    Args:
        folder: of the run.
        server: NATS URL of the server that keeps the log, if not the folder itself.
        beside: folder of another run to compare the progress with.

    Raises:
        OpsError: there is no run, or the other one looks for something else.
        BusError: the log cannot be read at all.
        OSError: the page cannot be written.
    """
    evidence, other = asyncio.run(_gathered(folder, server, beside))
    story = tell(evidence.log, str(folder))
    compared = _comparable(story, other, beside) if other is not None and beside is not None else None
    text = page(story, evidence, compared)
    path = folder / "report" / "index.html"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return Written(path, len(evidence.log), tuple(dict.fromkeys(evidence.troubles)))


async def _gathered(folder: Path, server: str | None, beside: Path | None) -> tuple[Evidence, Evidence | None]:
    return await gather(folder, server), None if beside is None else await gather(beside)


def _comparable(story: Story, other: Evidence, folder: Path) -> Story:
    """The other story, if it is about the same goal in the same space."""
    told = tell(other.log, str(folder))
    for name, mine, theirs in (
        ("goal", story.plan.goal, told.plan.goal),
        ("design space", story.plan.space, told.plan.space),
    ):
        if mine != theirs:
            raise ReportError(
                f"Expected a run with the same {name} beside this one, got {told.campaign} in {folder}, which has "
                "another. Compare runs of one campaign file that differ in seed, strategy or budget."
            )
    return told


def report_after_run(folder: Path, server: str | None) -> str | None:
    """Writes the report of a run that has just ended; what is wrong with it, if so. No run fails for its report."""
    try:
        written = write_report(folder, server=server)
    except (OpsError, BusError, OSError) as error:
        return f"The run is whole, but no report of it was written. {error}"
    return f"The report is not complete. {' '.join(written.troubles)}" if written.troubles else None


def report_folder(folder: Path, *, server: str | None, beside: Path | None, as_json: bool) -> int:
    """Writes the report of a folder; 0 when it is whole, 1 when something is missing in it, 2 when there is none."""
    try:
        written = write_report(folder, server=server, beside=beside)
    except (OpsError, BusError) as error:
        complain(str(error))
        return UNUSABLE
    except OSError as error:
        complain(f"Expected to read {folder} and to write its report, got: {error}. Make room or mend its permissions.")
        return UNUSABLE
    for trouble in written.troubles:
        complain(trouble)
    if as_json:
        document = {"report": str(written.path), "events": written.events, "troubles": list(written.troubles)}
        sys.stdout.write(json.dumps(document, ensure_ascii=False) + "\n")
    else:
        sys.stdout.write(f"{written.path}: made of {written.events} events\n")
    return 1 if written.troubles else 0
