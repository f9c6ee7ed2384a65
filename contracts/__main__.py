"""``python -m contracts`` writes the published files of the contracts anew."""

from __future__ import annotations

import sys

from contracts.publish import write

if __name__ == "__main__":
    for path in write():
        sys.stdout.write(f"{path}\n")
