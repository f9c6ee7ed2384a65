r"""Signatures of speakers on what they say: one last member of the stored JSON object, which a stranger checks offline.

The server lets each key publish on the subjects of its own kinds only. That is for the moment, and it is the server's
word. A signature stays: it is stored with the event, hence hashed into the ledger, and ties the event's bytes and its
subject to the key under which its speaker is listed on the roll (`bus.admitting`). ::

    stored    = body[:-1] + ',"signature":"' + base64url(signature) + '"}'
    signature = Ed25519(key, 'athanor event 1\n' + subject + '\n' + body)

The key is the speaker's nkey, the same with which it signs in. Ed25519 gives the same signature each time, so an event
that is said again is still the same bytes.
"""

from __future__ import annotations

import base64
import binascii
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from bus.errors import IdentityError

if TYPE_CHECKING:
    from nacl.signing import SigningKey, VerifyKey

CONTEXT = b"athanor event 1\n"
"""What a signature is about, so that it stands for nothing else."""
_OPEN, _CLOSE = b',"signature":"', b'"}'
_TEXT = 86
"""Characters of a signature: 64 bytes in base64url without padding."""
LENGTH = len(_OPEN) + _TEXT + len(_CLOSE) - 1
"""Bytes by which a signature makes an event longer."""
_USER = 20 << 3
"""First byte of a user's public key in the notation for nkeys."""
_KEY = 1 + 32 + 2


def split(payload: bytes) -> tuple[bytes, bytes]:
    """What was said, and the signature on it.

    Args:
        payload: stored bytes.

    Returns:
        The body, and the signature's text; of an unsigned payload the payload and nothing.
    """
    begin = len(payload) - len(_CLOSE) - _TEXT - len(_OPEN)
    if begin < 1 or not payload.endswith(_CLOSE) or not payload.startswith(_OPEN, begin):
        return payload, b""
    return payload[:begin] + b"}", payload[begin + len(_OPEN) : -len(_CLOSE)]


class Signer:
    """Somebody's private key, at work."""

    def __init__(self, seed: str, file: Path) -> None:
        """Takes a key.

        Args:
            seed: an nkey seed (``SU…``).
            file: where it came from, for the message.

        Raises:
            IdentityError: it is none.
        """
        import nkeys
        from nacl.signing import SigningKey

        try:
            _, raw = nkeys.decode_seed(bytearray(seed.strip().encode()))
            self._key: SigningKey = SigningKey(bytes(raw))
        except Exception as error:  # the library raises what its decoders happen to
            raise IdentityError(f"Expected the seed of a NATS user (SU…) in {file}, got something else.") from error

    def sign(self, subject: str, body: bytes) -> bytes:
        """The bytes to store: what is said, with the signature as its last member."""
        signature = self._key.sign(_message(subject, body)).signature
        return body[:-1] + _OPEN + base64.urlsafe_b64encode(signature).rstrip(b"=") + _CLOSE


def is_genuine(public_key: str, subject: str, body: bytes, signature: bytes) -> bool:
    """Whether that key has signed this body for this subject.

    Args:
        public_key: the speaker's, as the roll tells it (``U…``).
        subject: where it was published.
        body: what was said.
        signature: its text.
    """
    from nacl.exceptions import CryptoError

    try:
        content = base64.b64decode(signature + b"==", altchars=b"-_", validate=True)
        _verifier(public_key).verify(_message(subject, body), content)
    except (CryptoError, ValueError, binascii.Error, TypeError):
        return False
    return True


def _message(subject: str, body: bytes) -> bytes:
    return b"%b%b\n%b" % (CONTEXT, subject.encode("utf-8", "surrogateescape"), body)


@lru_cache(maxsize=256)
def _verifier(public_key: str) -> VerifyKey:
    """The key in NATS' notation: base32 of its role, its 32 bytes and a checksum of both.

    Raises:
        ValueError: it is no public key of a user.
    """
    import nkeys
    from nacl.signing import VerifyKey

    content = base64.b32decode(public_key + "=" * (-len(public_key) % 8))
    if len(content) != _KEY or content[0] != _USER or bytes(nkeys.crc16_checksum(content[:-2])) != content[-2:]:
        raise ValueError(f"expected the public key of a NATS user (U…), got {public_key!r}")
    return VerifyKey(content[1:-2])
