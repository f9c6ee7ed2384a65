"""Records the histories anew: ``python -m tests.histories record [NAME…]``.

Do that when a decision has changed for a reason that the commit's message tells, and for no other: a history that
fails says that logs of users will not replay either.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from pathlib import Path

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"  # before numerical libraries are loaded, here and in workers

from tests.histories.kept import write  # noqa: E402  see above
from tests.histories.making import MAKINGS, record  # noqa: E402  see above


def main(arguments: list[str]) -> int:
    """Records what is asked for."""
    names = arguments[1:] or list(MAKINGS)
    if arguments[:1] != ["record"] or set(names) - set(MAKINGS):
        sys.stderr.write(f"Expected: python -m tests.histories record [{'|'.join(MAKINGS)}]…\n")
        return 2
    for name in names:
        with tempfile.TemporaryDirectory(prefix="athanor-history-") as folder:
            history = asyncio.run(record(name, Path(folder)))
        size = write(history)
        told = f"{len(history.payloads)} events, {len(history.artefacts)} artefacts, {size / 1024:.0f} KiB"
        sys.stdout.write(f"{name}: {told}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
