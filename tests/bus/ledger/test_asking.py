"""A log asks its witness over HTTP, finds out where they stand, and hears a no as a no."""

from __future__ import annotations

from pathlib import Path

import pytest

from bus.ledger.asking import Asker, WitnessAwayError, WitnessRefusedError, key_at
from bus.ledger.book import Book
from bus.ledger.errors import LedgerError, SigningKeyError
from bus.ledger.note import COSIGNATURE, Signature, Signer
from bus.ledger.witness import Answer, Witness
from tests.bus.ledger.test_book import opened, write
from tests.bus.ledger.witnessed import asker_of, serving, witness_in


def asked(asker: Asker, book: Book) -> tuple[Signature, ...]:
    """The cosignatures of a book's newest checkpoint."""
    return asker.ask(book.note, book.checkpoint.size, book.proof)


@pytest.fixture
def book(tmp_path: Path) -> Book:
    made = opened(tmp_path)
    write(made, 0, 10)
    return made


@pytest.fixture
def witness(tmp_path: Path, book: Book) -> Witness:
    return witness_in(tmp_path / "witness", book.ring.verifier)


def test_it_finds_out_where_the_witness_stands(book: Book, witness: Witness) -> None:
    """A log that knows nothing of its witness, or that was away for long, gets its cosignature all the same."""
    with serving(witness) as url:
        first = asker_of(url, witness.verifier)
        assert witness.verifier.verifies(book.note.text, asked(first, book)[0])
        write(book, 10, 300)
        assert asked(first, book)
        write(book, 300, 301)
        assert asked(asker_of(url, witness.verifier), book)
        assert asked(first, book)
    assert witness.last(book.ring.origin).size == 301


def test_a_witness_that_is_away_is_asked_again_later(book: Book, witness: Witness) -> None:
    """Nobody there is an error that says so and a pause that grows; who comes back is asked without further ado."""
    with serving(witness) as url:
        asker = asker_of(url, witness.verifier)
        assert asked(asker, book)
    assert asker.due
    for _ in range(2):
        with pytest.raises(WitnessAwayError, match="to answer"):
            asked(asker, book)
        assert asker.away
        assert not asker.due
    with serving(witness, int(url.rpartition(":")[2])):
        assert asked(asker, book)
        assert asker.due
        assert not asker.away


def test_a_rolled_back_log_is_told(book: Book, witness: Witness) -> None:
    """A witness that has seen more than the log holds, or other entries, is a fork and not a trouble of the line."""
    with serving(witness) as url:
        older = book.note
        write(book, 10, 50)
        asked(asker_of(url, witness.verifier), book)
        with pytest.raises(WitnessRefusedError, match="rolled back") as found:
            asker_of(url, witness.verifier).ask(older, 10, book.proof)
        assert found.value.forked
        assert found.value.seen == 50
        forged = asker_of(url, witness.verifier, _old=50)
        with pytest.raises(WitnessRefusedError, match="422") as found:
            forged.ask(book.note, 50, lambda _old, _new: [bytes(32)])
        assert found.value.forked


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Answer(404, b"Expected a log\n"), "404"),
        (Answer(403, b"who are you\n"), "403"),
        (Answer(200, b"\xff\xfe"), "cosignature"),
        (Answer(200, b"nonsense\n"), "cosignature"),
        (Answer(200, b""), "Another witness"),
    ],
)
def test_a_refusal_and_nonsense_are_told_as_they_are(book: Book, witness: Witness, answer: Answer, words: str) -> None:
    """Whatever is not its cosignature is refused, does not count as one, and is no fork."""
    with serving(witness, answer=answer) as url, pytest.raises(WitnessRefusedError, match=words) as found:
        asked(asker_of(url, witness.verifier), book)
    assert not found.value.forked


def test_another_key_cannot_cosign(book: Book, witness: Witness) -> None:
    """The answer of another witness than the expected one is not taken."""
    other = Signer.generate("example.com/other", COSIGNATURE)
    with serving(witness) as url, pytest.raises(WitnessRefusedError, match="Another witness"):
        asked(asker_of(url, other.verifier), book)
    line = Signer.generate(witness.verifier.name, COSIGNATURE).sign("something else\n", 7)
    forged = Signature(witness.verifier.name, witness.verifier.key_id, line.content)
    answer = Answer(200, f"{forged.line()}\n".encode())
    with serving(witness, answer=answer) as url, pytest.raises(WitnessRefusedError, match="cosignature"):
        asked(asker_of(url, witness.verifier), book)


def test_five_hundreds_are_a_witness_that_is_away(book: Book, witness: Witness) -> None:
    """A witness in trouble of its own has refused nothing."""
    with serving(witness, answer=Answer(500, b"the disk is full\n")) as url, pytest.raises(WitnessAwayError):
        asked(asker_of(url, witness.verifier), book)


def test_an_unknown_witness_is_believed_once(book: Book, witness: Witness) -> None:
    """Without a key the witness is asked for it, and whoever remembers keys decides whether that is the one."""
    learnt = []
    with serving(witness) as url:
        assert key_at(url) == witness.verifier
        asker = asker_of(url, None, learnt.append)
        assert asked(asker, book)
        assert asked(asker, book)

        def refuse(_: object) -> None:
            raise SigningKeyError("Expected another witness.")

        with pytest.raises(WitnessRefusedError, match="another witness"):
            asked(asker_of(url, None, refuse), book)
    assert learnt == [witness.verifier]


@pytest.mark.parametrize("url", ["", "witness", "ftp://a", "http://", "http://a:b"])
def test_what_is_no_address(book: Book, url: str) -> None:
    """An address that cannot be one is told as such."""
    with pytest.raises(LedgerError, match="address of a witness"):
        asked(asker_of(url, Signer.generate("w", COSIGNATURE).verifier), book)
