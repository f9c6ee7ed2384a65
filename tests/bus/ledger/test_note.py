"""Signed notes against the examples of the specification and of Go's implementation."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.ledger.errors import NoteError, SignatureError, SigningKeyError
from bus.ledger.note import COSIGNATURE, ED25519, Note, Signature, Signer, Verifier, cosigned_message

# https://c2sp.org/signed-note, "Example"
VKEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
NOTE = (
    "This is an example message.\n\n"
    "— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
)
# golang.org/x/mod/sumdb/note, package documentation
GO_SIGNER = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
GO_VERIFIER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
GO_NOTE = (
    "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n\n"
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)


def test_the_example_of_the_specification_opens() -> None:
    """The published note verifies with the published key, and is written as it was read."""
    note, verifier = Note.parse(NOTE.encode()), Verifier.parse(VKEY)
    assert [v for v, _ in note.signed_by([verifier])] == [verifier]
    assert note.text == "This is an example message.\n"
    assert note.encode() == NOTE.encode()
    assert str(verifier) == VKEY


def test_our_signature_is_the_one_that_go_makes() -> None:
    """From Go's private key come Go's verifier key and, byte for byte, Go's note."""
    signer = Signer.parse(GO_SIGNER)
    text = GO_NOTE.partition("\n\n")[0] + "\n"
    assert str(signer.verifier) == GO_VERIFIER
    assert Note(text, (signer.sign(text),)).encode() == GO_NOTE.encode()
    assert signer.text() == GO_SIGNER


def test_an_altered_text_is_refused() -> None:
    """One other letter under the signature of a known key makes the note void."""
    forged = Note.parse(NOTE.replace("example message", "eXample message").encode())
    with pytest.raises(SignatureError, match="example.com/foo"):
        forged.signed_by([Verifier.parse(VKEY)])


def test_signatures_of_unknown_keys_are_ignored() -> None:
    """A signature by a stranger, even of the same name, neither helps nor hurts."""
    stranger = Signer.generate("example.com/foo")
    note = Note.parse(NOTE.encode())
    both = note.with_signatures([stranger.sign("something else")])
    assert len(both.signatures) == 2
    assert [v for v, _ in Note.parse(both.encode()).signed_by([Verifier.parse(VKEY)])] == [Verifier.parse(VKEY)]
    assert note.signed_by([stranger.verifier]) == ()


def test_a_cosignature_tells_the_time_it_vouches_for() -> None:
    """A witness signs text and time together: neither can be exchanged."""
    witness = Signer.generate("witness.example/w1", COSIGNATURE)
    signature = witness.sign("a\n1\nb\n", time=1_679_315_147)
    assert signature.time == 1_679_315_147
    assert cosigned_message("a\n", 5) == b"cosignature/v1\ntime 5\na\n"
    assert witness.verifier.verifies("a\n1\nb\n", signature)
    assert not witness.verifier.verifies("a\n2\nb\n", signature)
    later = Signature(signature.name, signature.key_id, (5).to_bytes(8) + signature.content[8:])
    assert not witness.verifier.verifies("a\n1\nb\n", later)
    assert Verifier.parse(str(witness.verifier)) == witness.verifier
    assert witness.verifier.key_id != Verifier(witness.verifier.name, ED25519, witness.verifier.public).key_id


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"text\n",
        b"text\n\n",
        b"text\n\nno signature\n",
        NOTE.encode()[:-1],
        NOTE.encode()[:-9],
        NOTE.replace("example.com/foo", "example com/foo").encode(),
        NOTE.replace("message", "mess\x01age").encode(),
        NOTE.replace("aQM=", "aQN=").encode(),
        NOTE.replace("aQM=", "a*M=").encode(),
        "— x AAAA\n".encode(),
        "t\n\n— x AAAAAA==\n".encode(),
        b"\xff\n\n" + NOTE.encode(),
        b"t\n\n" + "— x AAAAAAAA\n".encode() * 101,
    ],
)
def test_what_is_no_note_is_refused(content: bytes) -> None:
    """Cut, misspelt or over-long notes are refused, and never half understood."""
    with pytest.raises(NoteError):
        Note.parse(content)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "name",
        VKEY.replace("530d903a", "530d903b"),
        VKEY[:-4],
        VKEY.replace("+Aek", "+Bek"),
        VKEY.replace("example.com/foo", "example.com/bar"),
    ],
)
def test_a_mistyped_verifier_key_is_noticed(text: str) -> None:
    """A verifier key carries its own check: one wrong character is noticed before anything is verified with it."""
    with pytest.raises(SigningKeyError):
        Verifier.parse(text)


def test_a_mistyped_private_key_is_noticed() -> None:
    """The same for private keys, and the secret is not told in the message."""
    for text in ("", GO_SIGNER[:-4], GO_SIGNER.replace("c74f20a3", "c74f20a4")):
        with pytest.raises(SigningKeyError) as refused:
            Signer.parse(text)
        assert "AYEKFALVFGy" not in str(refused.value)
    with pytest.raises(SigningKeyError, match="without spaces"):
        Signer.generate("two words")


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), max_size=40))
def test_any_text_can_be_signed(line: str) -> None:
    """A note reads back as it was written, empty lines in its text included."""
    signer = Signer(name="log", seed=bytes(32))
    text = f"{line}\n\n{line}\n"
    note = Note(text, (signer.sign(text),))
    assert Note.parse(note.encode()) == note
    assert note.signed_by([signer.verifier])
