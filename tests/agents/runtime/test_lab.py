"""What agents may know of the moment: the time of its cause, and dice that fall the same again."""

from __future__ import annotations

import numpy as np

from agents.runtime import moment_of
from tests.agents.toys import lost
from tests.contracts.examples import EPOCH, envelope


def _throws(seed: int, agent: str, n: int) -> list[int]:
    return moment_of(seed, agent, envelope(lost(1), n=n)).rng().integers(2**31, size=4).tolist()


def test_dice_are_a_function_of_campaign_agent_and_event() -> None:
    """Thrown again they fall the same; another seed, agent or event throws others."""
    first = _throws(7, "planner", 0)
    assert _throws(7, "planner", 0) == first
    others = [_throws(8, "planner", 0), _throws(7, "scheduler", 0), _throws(7, "planner", 1)]
    assert len({tuple(throw) for throw in (first, *others)}) == 4


def test_each_asking_gives_fresh_dice() -> None:
    """A reaction that asks twice starts again from the first number, whatever it has thrown before."""
    moment = moment_of(7, "planner", envelope(lost(1)))
    np.testing.assert_array_equal(moment.rng().random(3), moment.rng().random(3))


def test_global_dice_do_not_matter() -> None:
    """Whoever has seeded NumPy's own generator changes nothing."""
    np.random.seed(1)  # noqa: NPY002  this is what must not matter
    first = _throws(7, "planner", 0)
    np.random.seed(2)  # noqa: NPY002  the same
    assert _throws(7, "planner", 0) == first


def test_now_is_when_the_event_happened() -> None:
    """The time comes from the envelope, in live runs and in replays."""
    assert moment_of(0, "planner", envelope(lost(1))).now == EPOCH
