"""Lines of tubes."""

from __future__ import annotations

import pytest

from science.diffraction.radiation import ANODES, CU_K_ALPHA1, second_line


@pytest.mark.parametrize("anode", ANODES)
def test_the_second_line_follows_the_first(anode: str) -> None:
    """Each anode's, a little longer than the first, by less than a percent."""
    first, second = ANODES[anode]
    assert second_line(first) == pytest.approx(second)
    assert 1 < second / first < 1.01


def test_copper_is_copper_however_it_is_written() -> None:
    """1.5406 and 1.54056 are copper on other scales; a synchrotron has one line."""
    for written in (1.5406, 1.54056, CU_K_ALPHA1):
        assert second_line(written) == pytest.approx(written * 1.0024886, abs=1e-6)
    assert second_line(1.5) is None
