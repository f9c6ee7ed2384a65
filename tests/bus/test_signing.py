"""Signatures on events: made, found again, and told apart from everything that is none."""

from __future__ import annotations

import os
from pathlib import Path

import nkeys
import pytest

from bus.errors import IdentityError
from bus.signing import LENGTH, Signer, is_genuine, split

BODY, SUBJECT = b'{"id":"1","data":{"reason":"\\",\\"signature\\":\\""}}', "lab.test.review.decided"


def key() -> tuple[str, str]:
    """A seed, and its public half."""
    seed = nkeys.encode_seed(os.urandom(32), nkeys.PREFIX_BYTE_USER)
    return seed.decode(), nkeys.from_seed(bytearray(seed)).public_key.decode()


def test_a_signature_is_found_again_and_is_genuine() -> None:
    """What was signed comes back byte for byte, and its own key vouches for it under its own subject."""
    seed, public = key()
    stored = Signer(seed, Path("x")).sign(SUBJECT, BODY)
    body, signature = split(stored)
    assert (body, len(stored)) == (BODY, len(BODY) + LENGTH)
    assert is_genuine(public, SUBJECT, body, signature)
    assert Signer(seed, Path("x")).sign(SUBJECT, BODY) == stored


def test_any_change_ends_it() -> None:
    """Another body, subject, key or signature, cut or padded, is not genuine."""
    seed, public = key()
    body, signature = split(Signer(seed, Path("x")).sign(SUBJECT, BODY))
    assert not is_genuine(public, SUBJECT, body.replace(b"1", b"2"), signature)
    assert not is_genuine(public, "lab.test.trust.candidate_cleared", body, signature)
    assert not is_genuine(key()[1], SUBJECT, body, signature)
    assert not is_genuine("UNSENSE", SUBJECT, body, signature)
    other = bytes([signature[0] ^ 1]) + signature[1:]
    for wrong in (b"", signature[:-1], signature + b"A", b"!" * 86, other):
        assert not is_genuine(public, SUBJECT, body, wrong)


def test_an_unsigned_payload_is_left_as_it_is() -> None:
    """Nothing is taken off what has no signature at its very end."""
    for payload in (BODY, b"", b"{}", b'{"signature":"' + b"A" * 86 + b'"}', b'{"a":1,"signature":"short"}'):
        assert split(payload) == (payload, b"")


def test_no_seed_is_no_signer() -> None:
    """What is no seed is said to be none, and the file is named."""
    with pytest.raises(IdentityError, match=r"planner\.nk"):
        Signer("SUNSENSE", Path("planner.nk"))
