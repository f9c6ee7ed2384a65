"""Text of all ages is decoded; numbers that can be read in two ways are refused instead of read in one."""

from __future__ import annotations

import pytest

from science.diffraction.errors import PatternError
from science.diffraction.reading.text import columns, decoded

ROWS = "20.05 100\n20.10 101\n20.15 99\n"


@pytest.mark.parametrize(
    "content",
    [
        ROWS.encode(),
        ROWS.encode("utf-16"),
        ROWS.encode("utf-16-le"),
        ROWS.encode("utf-16-be"),
        ROWS.encode("utf-8-sig"),
        ROWS.replace("\n", "\r").encode(),
        ROWS.replace("\n", "\r\n").encode(),
        ("# Ångström\n" + ROWS).encode("latin-1"),
    ],
    ids=["utf-8", "utf-16", "le", "be", "mark", "old Mac", "Windows", "latin-1"],
)
def test_encodings_and_line_ends_do_not_matter(content: bytes) -> None:
    """The same three rows come out of each, letters of the header included."""
    found = columns("a.xy", decoded("a.xy", content))
    assert found.rows == [[20.05, 100], [20.10, 101], [20.15, 99]]
    assert found.header in ((), ("# Ångström",))


def test_binary_data_is_no_text() -> None:
    """Zeros that are no encoding are refused."""
    with pytest.raises(PatternError, match="got binary data"):
        decoded("a.xy", b"\x00\x01\x00\x00" * 20)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("20,05,100\n20,10,101\n20,15,99\n", "decimal point, or columns apart by semicolons"),
        ("20,05,100,0\n20,10,101,5\n20,15,99,5\n", "decimal point, or columns apart by semicolons"),
        ("20.05 1,100\n20.10 1,101\n", "without separators of thousands in a.csv, got '1,100'"),
        ("20.05 100\n20.10 101 7\n20.15 99\n20.20 98\n", "as many columns in each line"),
        ("20.05 100 1\n20.10 101 1\n20.15\n", "3 columns in each line of a.csv, got 1 in the last"),
    ],
)
def test_what_can_be_read_in_two_ways_is_refused(text: str, complaint: str) -> None:
    """Commas that may be decimal or apart, thousands, ragged lines: each is told with the way out of it."""
    with pytest.raises(PatternError, match=complaint):
        columns("a.csv", text)


def test_commas_between_columns_with_points_or_whole_angles_are_clear() -> None:
    """Comma-separated numbers with a decimal point, or whole ones that never repeat, need no guess."""
    assert columns("a.csv", "20.05,100,1\n20.10,101,1\n").width == 3
    assert columns("a.csv", "20,100,1\n21,101,1\n22,99,1\n").rows[1] == [21, 101, 1]


def test_decimal_commas_in_either_column_are_seen() -> None:
    """An angle or an intensity with a comma, apart by semicolon, tab or space, is a decimal one."""
    assert columns("a.csv", "20,05;100,5\n20,10;101,5\n").rows == [[20.05, 100.5], [20.10, 101.5]]
    assert columns("a.csv", "20\t100,5\n21\t101,5\n").rows == [[20, 100.5], [21, 101.5]]
