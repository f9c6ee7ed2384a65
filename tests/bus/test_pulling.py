"""Where a delivered message stands is told by its reply subject, in each form that servers give it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from nats.aio.msg import Msg

from bus.pulling import Place, position_of


@pytest.mark.parametrize(
    "reply",
    [
        "$JS.ACK.LEDGER.c-1-planner.2.40.7.1700000000500000000.3",
        "$JS.ACK.hub.AccHash.LEDGER.c-1-planner.2.40.7.1700000000500000000.3",
        "$JS.ACK.hub.AccHash.LEDGER.c-1-planner.2.40.7.1700000000500000000.3.r4nd0m",
    ],
)
def test_a_place_is_read_from_the_end(reply: str) -> None:
    """Attempt, place in the log, count of the consumer and time: of a plain server and of one in a domain."""
    at = datetime.fromtimestamp(1_700_000_000.5, UTC)
    assert position_of(Msg(_client=None, reply=reply)) == Place(40, 7, 2, at)  # type: ignore[arg-type]
