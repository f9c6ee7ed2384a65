"""Text as programs of all ages write it: encodings, line ends, decimal commas, headers, columns."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass

from science.diffraction.errors import PatternError

COMMENT = "#;!*'/\"%"
_NUMBER = re.compile(r"[-+]?(?:\d+[.,]?\d*|[.,]\d+)(?:[eE][-+]?\d+)?")
_DECIMAL_COMMA = re.compile(r"^[ \t]*[-+]?\d+,\d+[;\t ]|^[ \t]*[-+]?\d+[;\t ]+[-+]?\d+,\d+[ \t]*$", re.MULTILINE)
_THOUSANDS = re.compile(r"[ \t;]\d{1,3}(?:,\d{3})+(?:\.\d+)?(?=[ \t\r\n;]|$)")
_SEPARATORS = str.maketrans(",;\t", "   ")
_SEPARATORS_BUT_COMMA = str.maketrans(";\t,", "  .")


@dataclass(frozen=True)
class Columns:
    """Numbers in columns.

    Attributes:
        rows: three numbers a line at most.
        header: the lines before them, comments included.
        width: columns in the file.
    """

    rows: list[list[float]]
    header: tuple[str, ...]
    width: int


def decoded(name: str, content: bytes) -> str:
    """The text in some bytes.

    Raises:
        PatternError: they are no text.
    """
    for mark, encoding in ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"), (b"\xef\xbb\xbf", "utf-8-sig")):
        if content.startswith(mark):
            return content.decode(encoding, errors="replace")
    first = content[:4096]
    if b"\x00" in first:
        halves = (("utf-16-le", first[1::2], first[::2]), ("utf-16-be", first[::2], first[1::2]))
        for encoding, zeros, letters in halves:
            if not zeros.strip(b"\x00") and b"\x00" not in letters:
                return content.decode(encoding, errors="replace")
        raise PatternError(f"Expected text in {name}, got binary data.")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def columns(name: str, text: str) -> Columns:
    """The numbers in the columns of a text, and what stands before them.

    Raises:
        PatternError: lines in the middle are damaged, or can be read in two ways.
    """
    commas = "," in text
    comma = commas and bool(_DECIMAL_COMMA.search(text))
    separators = _SEPARATORS_BUT_COMMA if comma else _SEPARATORS
    if commas and not comma and (found := _THOUSANDS.search(text)):
        raise PatternError(
            f"Expected numbers without separators of thousands in {name}, got {found.group().strip()!r}. "
            "Write the file without them."
        )
    rows: list[list[float]] = []
    header: list[str] = []
    lines: list[str] = []
    for raw in text.splitlines():
        line = raw.strip()
        if not line:
            continue
        if line[0] in COMMENT:
            if not rows:
                header.append(line)
            continue
        try:
            rows.append([float(f) for f in line.translate(separators).split()])
            lines.append(line)
        except ValueError:
            if rows and _NUMBER.match(line):
                raise PatternError(f"Expected numbers in {name}, got the line {line[:60]!r} among them.") from None
            if len(rows) < 5:  # a header that looked like data
                header += [*lines, line]
                rows, lines = [], []
    width = _width(name, rows)
    if not comma and width > 2 and _ambiguous(lines, rows):
        raise PatternError(
            f"Expected a decimal point, or columns apart by semicolons or tabs in {name}, got commas that could be "
            f"either, such as {lines[0][:40]!r}. Write the file anew with a decimal point."
        )
    return Columns([row[:3] for row in rows if len(row) >= 2], tuple(header), width)


def _width(name: str, rows: list[list[float]]) -> int:
    """How many columns there are.

    Raises:
        PatternError: not the same number in each line.
    """
    widths = {len(row) for row in rows[:-1]}
    if not rows or not widths:
        return 0
    if len(widths) > 1:
        raise PatternError(
            f"Expected as many columns in each line of {name}, got {min(widths)} in some and {max(widths)} in others."
        )
    width = widths.pop()
    if len(rows[-1]) < width:
        raise PatternError(
            f"Expected {width} columns in each line of {name}, got {len(rows[-1])} in the last one. "
            "The file may be half written."
        )
    return width


def _ambiguous(lines: list[str], rows: list[list[float]]) -> bool:
    """Whether commas may be both decimal and between columns: 20,05,100 is one angle or two."""
    sample = lines[:200]
    if any(c in line for line in sample for c in ".;\t "):
        return False
    firsts = [row[0] for row in rows[:200]]
    return any(a == b for a, b in itertools.pairwise(firsts))
