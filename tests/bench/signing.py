"""What signatures cost: a speaker to make one, a reader to check one, beside encoding and decoding the same event.

Processor time in microseconds an event, medians over rounds in which all take turns.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import nkeys

from bus.codec import decode, encode
from bus.signing import LENGTH, Signer, is_genuine, split
from bus.subjects import subject_of
from tests.bench.publishing import event

ROUNDS, EVENTS = 5, 2000


def _per_event(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return 1e6 * (time.process_time() - began) / EVENTS


def main() -> None:
    """Prints the table."""
    seed = nkeys.encode_seed(os.urandom(32), nkeys.PREFIX_BYTE_USER)
    public, signer = nkeys.from_seed(bytearray(seed)).public_key.decode(), Signer(seed.decode(), Path("bench"))
    said = [event(n) for n in range(EVENTS)]
    bodies = [(subject_of(one.campaign, one.type), encode(one)) for one in said]
    stored = [(subject, signer.sign(subject, body)) for subject, body in bodies]
    ways: dict[str, Callable[[], object]] = {
        "encode": lambda: [encode(one) for one in said],
        "sign": lambda: [signer.sign(*pair) for pair in bodies],
        "decode": lambda: [decode(body) for _, body in bodies],
        "check": lambda: [is_genuine(public, subject, *split(payload)) for subject, payload in stored],
    }
    took: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, way in ways.items():
            took[name].append(_per_event(way))
    cost = {name: statistics.median(values) for name, values in took.items()}
    size = statistics.mean(len(body) for _, body in bodies)
    print(
        f"signatures: processor time an event of {size:.0f} B (a signature adds {LENGTH} B), median of {ROUNDS} rounds"
    )
    for name, beside in (("sign", "encode"), ("check", "decode")):
        ratio = cost[name] / cost[beside]
        print(f"  {name:6} {cost[name]:6.1f} µs   beside {beside} {cost[beside]:6.1f} µs: {ratio:.1f}×")


if __name__ == "__main__":
    main()
