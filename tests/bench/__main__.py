"""``python -m tests.bench``: ratios, each beside a peer or a limit measured in the same run."""

from __future__ import annotations

import asyncio

from tests.bench import costs, hops, ledger, publishing, replay, restart, signing, sticks


def main() -> None:
    """Runs the benchmarks that need no data of their own."""
    asyncio.run(publishing.main())
    asyncio.run(hops.main())
    asyncio.run(costs.main())
    asyncio.run(replay.main())
    asyncio.run(restart.main())
    ledger.main()
    signing.main()
    sticks.main()


if __name__ == "__main__":
    main()
