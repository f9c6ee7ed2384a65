"""Tables of candidates: read whole, checked cell by cell, repeats told from contradictions."""

from __future__ import annotations

from pathlib import Path

import pytest

from ops.questions.tables import Sheet, candidates, read_sheet


def test_numbers_and_words_are_told_apart() -> None:
    """A column is all of one kind; blanks around cells are nothing, quotes hold commas."""
    sheet = Sheet.read('name,x,"a, b"\r\n ada , 1 ,x\nbob,2e3,"y, z"\n')
    assert sheet.names == ("name", "x", "a, b")
    assert [sheet.column(n) for n in sheet.names] == [["ada", "bob"], [1.0, 2000.0], ["x", "y, z"]]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "expected a line of names and rows below it, got 0 lines"),
        ("a,b\n", "got 1 lines"),
        ("a,a\n1,2\n", "expected each column to have a name of its own, got a"),
        ("a,\n1,2\n", "got an empty one"),
        ("a,b\n1,2\n1\n", "expected 2 cells in line 3, as there are names, got 1"),
        ("a,b\n1,\n", "expected a value in line 2, got an empty cell"),
        ("a,b\n1,2\n1,NaN\n", "expected a value in line 3, got NaN"),
        ("a,b\n1,inf\n", "expected a finite number in line 2, got inf"),
        ("a,b\n1,2\n1,two\n", "expected numbers only, or words only, got 'two' in line 3"),
    ],
)
def test_a_cell_that_cannot_be_used_is_told_with_its_line(text: str, told: str) -> None:
    """Nothing is guessed, and nothing dropped."""

    def use() -> None:
        sheet = Sheet.read(text)
        for name in sheet.names:
            sheet.column(name)

    with pytest.raises(ValueError, match=told):
        use()


def test_rows_alike_are_repeats_and_a_key_on_two_rows_is_a_contradiction() -> None:
    """Candidates stand in the order of their first rows."""
    sheet = Sheet.read("k,x,y\na,1,10\nb,2,20\na,1,11\n")
    assert candidates(sheet, ("x",), None) == [(1.0,), (2.0,)]
    assert candidates(sheet, ("x",), "k") == [(1.0,), (2.0,)]
    with pytest.raises(ValueError, match="rows of one key to be alike, got a in line 4 with other values"):
        candidates(sheet, ("x", "y"), "k")


def test_what_is_no_text_is_said(tmp_path: Path) -> None:
    """A file that is not there, a folder, and bytes of another encoding; a byte-order mark is fine."""
    path = tmp_path / "t.csv"
    for there, told in ((tmp_path / "no.csv", "expected a file at"), (tmp_path, "expected a file at")):
        with pytest.raises(ValueError, match=told):
            read_sheet(there)
    path.write_bytes("a\nMüller\n".encode("latin-1"))
    with pytest.raises(ValueError, match="expected text in UTF-8"):
        read_sheet(path)
    path.write_bytes("\ufeffa\n1\n".encode())
    assert read_sheet(path)[1].names == ("a",)
