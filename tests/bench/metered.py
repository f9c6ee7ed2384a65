"""``python -m tests.bench.metered FILE run …``: the command; the wall time of the simulated world goes into the file.

The world is played in the process of the agents, so that no clock outside can tell the two apart: here each way into
it is timed. Only the outermost call counts, because the ways in call one another.
"""

from __future__ import annotations

import atexit
import json
import sys
import time
from functools import wraps
from pathlib import Path
from typing import Any

from ops.cli import main
from simulators.bench import Bench
from simulators.diffractometer import SimulatedDiffractometer
from simulators.furnace import SimulatedSynthesiser
from simulators.journal import Journal

WAYS_IN: tuple[tuple[type, str], ...] = (
    (Bench, "contents"),
    (SimulatedDiffractometer, "report"),
    (SimulatedDiffractometer, "scan"),
    (SimulatedSynthesiser, "_report"),
    (Journal, "begin"),
    (Journal, "state"),
    (Journal, "entry"),
    (Journal, "look"),
)


class Meter:
    """Seconds spent behind some methods."""

    def __init__(self) -> None:
        self.seconds, self._depth = 0.0, 0

    def put_on(self, owner: type, name: str) -> None:
        """Times a method from now on."""
        method = getattr(owner, name)

        @wraps(method)
        def timed(*args: Any, **kwargs: Any) -> Any:
            self._depth += 1
            begun = time.perf_counter()
            try:
                return method(*args, **kwargs)
            finally:
                self._depth -= 1
                if self._depth == 0:
                    self.seconds += time.perf_counter() - begun

        setattr(owner, name, timed)


if __name__ == "__main__":
    meter, file = Meter(), Path(sys.argv.pop(1))
    for owner, name in WAYS_IN:
        meter.put_on(owner, name)
    atexit.register(lambda: file.write_text(json.dumps({"world": meter.seconds}), encoding="utf-8"))
    main()
