"""Signed notes: text that ends in signature lines, each by a named key (https://c2sp.org/signed-note).

Two kinds of signatures: Ed25519 over the text (a log signs its checkpoints), and the timestamped cosignature of a
witness (https://c2sp.org/tlog-cosignature). Keys travel in the text forms of Go's ``golang.org/x/mod/sumdb/note``.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import struct
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from bus.ledger.errors import NoteError, SignatureError, SigningKeyError

ED25519: Final = 0x01
"""Signature over the text of the note."""
COSIGNATURE: Final = 0x04
"""Signature of a witness over a checkpoint and the time."""
MAX_SIGNATURES = 100
"""More than that in one note is refused; 16 must be accepted."""
MAX_NOTE = 1_000_000
"""Bytes of the largest note that is read."""
_SIZES = {ED25519: 64, COSIGNATURE: 8 + 64}
_NAME = re.compile(r"[^\s+]+")
_STAMP = struct.Struct(">Q")


def _base64(text: str) -> bytes:
    content = base64.b64decode(text, validate=True)
    if base64.b64encode(content).decode() != text:
        raise binascii.Error("not in the canonical form")
    return content


def key_id(name: str, kind: int, public: bytes) -> bytes:
    """The four bytes by which a signature names its key."""
    return hashlib.sha256(name.encode() + b"\n" + bytes([kind]) + public).digest()[:4]


def cosigned_message(text: str, time: int) -> bytes:
    """What a witness signs: the text of a checkpoint as it stood at `time`, seconds since 1970."""
    return f"cosignature/v1\ntime {time}\n{text}".encode()


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature line."""

    name: str
    """The key's name."""
    key_id: bytes
    """The key's id, 4 bytes."""
    content: bytes
    """What the key made of the text."""

    def line(self) -> str:
        """The line, without its end."""
        return f"— {self.name} {base64.b64encode(self.key_id + self.content).decode()}"

    @classmethod
    def parse(cls, line: str) -> Signature:
        """The signature in a line.

        Raises:
            NoteError: it holds none.
        """
        parts = line.split(" ")
        if len(parts) != 3 or parts[0] != "—" or not _NAME.fullmatch(parts[1]):
            raise NoteError(f"Expected a signature line (— name base64), got {line[:80]!r}.")
        try:
            content = _base64(parts[2])
        except binascii.Error as error:
            raise NoteError(f"Expected base64 in the signature line of {parts[1]}, got a mistake: {error}.") from None
        if len(content) < 5:
            raise NoteError(f"Expected a key id and a signature of {parts[1]}, got {len(content)} bytes.")
        return cls(parts[1], content[:4], content[4:])

    @property
    def time(self) -> int:
        """Seconds since 1970 that a cosignature tells."""
        return int(_STAMP.unpack_from(self.content)[0])


@dataclass(frozen=True, slots=True)
class Verifier:
    """A public key and its name; in text ``name+id+base64``."""

    name: str
    """Whose key it is."""
    kind: int
    """`ED25519` or `COSIGNATURE`."""
    public: bytes
    """The key, 32 bytes."""

    @property
    def key_id(self) -> bytes:
        """The four bytes by which a signature names it."""
        return key_id(self.name, self.kind, self.public)

    def __str__(self) -> str:
        return f"{self.name}+{self.key_id.hex()}+{base64.b64encode(bytes([self.kind]) + self.public).decode()}"

    @classmethod
    def parse(cls, text: str) -> Verifier:
        """The verifier key in its text form.

        Raises:
            SigningKeyError: the text is none, or it contradicts itself.
        """
        name, _, rest = text.strip().partition("+")
        told, _, coded = rest.partition("+")
        try:
            content = _base64(coded)
        except binascii.Error:
            content = b""
        if not _NAME.fullmatch(name) or len(content) != 33 or content[0] not in _SIZES:
            raise SigningKeyError(
                f"Expected a verifier key (name+id+base64 of an Ed25519 key, kind 1 or 4), got {text.strip()[:120]!r}. "
                "Copy the whole line that `athanor ledger key` prints."
            )
        verifier = cls(name, content[0], content[1:])
        if verifier.key_id.hex() != told:
            raise SigningKeyError(
                f"Expected the verifier key of {name} to have the id {verifier.key_id.hex()}, got {told[:16]!r}: "
                "it was mistyped or altered."
            )
        return verifier

    def made(self, signature: Signature) -> bool:
        """Whether a signature claims to be by this key."""
        return (signature.name, signature.key_id) == (self.name, self.key_id)

    def verifies(self, text: str, signature: Signature) -> bool:
        """Whether this key has signed that text."""
        if len(signature.content) != _SIZES[self.kind]:
            return False
        message, signed = text.encode(), signature.content
        if self.kind == COSIGNATURE:
            message, signed = cosigned_message(text, signature.time), signature.content[_STAMP.size :]
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signed, message)
        except (InvalidSignature, ValueError):
            return False
        return True


class Signer:
    """A private key and its name; in text ``PRIVATE+KEY+name+id+base64``, as Go writes it.

    Attributes:
        verifier: the public half.
    """

    def __init__(self, name: str, seed: bytes, kind: int = ED25519) -> None:
        if not _NAME.fullmatch(name):
            raise SigningKeyError(f"Expected a key name without spaces and plus signs, got {name!r}.")
        self._seed, self._key = seed, Ed25519PrivateKey.from_private_bytes(seed)
        self.verifier = Verifier(name, kind, self._key.public_key().public_bytes_raw())

    @classmethod
    def generate(cls, name: str, kind: int = ED25519) -> Signer:
        """A new key."""
        return cls(name, Ed25519PrivateKey.generate().private_bytes_raw(), kind)

    @classmethod
    def parse(cls, text: str) -> Signer:
        """The key in its text form.

        Raises:
            SigningKeyError: the text is none.
        """
        parts = text.strip().split("+", 4)
        try:
            content = _base64(parts[4])
        except (binascii.Error, IndexError):
            content = b""
        if parts[:2] == ["PRIVATE", "KEY"] and len(content) == 33 and content[0] in _SIZES:
            signer = cls(parts[2], content[1:], content[0])
            if signer.verifier.key_id.hex() == parts[3]:
                return signer
        raise SigningKeyError("Expected a private key (PRIVATE+KEY+name+id+base64), got something else.")

    def text(self) -> str:
        """The key in its text form: a secret."""
        v = self.verifier
        return f"PRIVATE+KEY+{v.name}+{v.key_id.hex()}+{base64.b64encode(bytes([v.kind]) + self._seed).decode()}"

    def sign(self, text: str, time: int = 0) -> Signature:
        """A signature over that text.

        Args:
            text: the text of a note, its last line ended.
            time: seconds since 1970, of a cosignature.
        """
        if self.verifier.kind == COSIGNATURE:
            content = _STAMP.pack(time) + self._key.sign(cosigned_message(text, time))
        else:
            content = self._key.sign(text.encode())
        return Signature(self.verifier.name, self.verifier.key_id, content)


@dataclass(frozen=True, slots=True)
class Note:
    """Text and who has signed it."""

    text: str
    """The text, its last line ended."""
    signatures: tuple[Signature, ...]
    """By whom, known or not, checked or not."""

    @classmethod
    def parse(cls, content: bytes) -> Note:
        """The note in these bytes; nothing is checked yet but its form.

        Raises:
            NoteError: they hold none.
        """
        try:
            whole = content.decode("utf-8")
        except UnicodeDecodeError as error:
            raise NoteError(f"Expected a signed note in UTF-8, got a mistake: {error}.") from None
        if len(content) > MAX_NOTE or any(ord(c) < 0x20 and c != "\n" for c in whole):
            raise NoteError("Expected a signed note, got control characters in it or a megabyte of it.")
        text, gap, lines = whole.rpartition("\n\n")
        if not gap or not lines.endswith("\n"):
            raise NoteError("Expected text, an empty line and signature lines, got something else: it was cut.")
        signed = lines[:-1].split("\n")
        if len(signed) > MAX_SIGNATURES:
            raise NoteError(f"Expected at most {MAX_SIGNATURES} signatures, got {len(signed)}.")
        return cls(text + "\n", tuple(Signature.parse(line) for line in signed))

    def encode(self) -> bytes:
        """The bytes of the note."""
        return (self.text + "\n" + "".join(s.line() + "\n" for s in self.signatures)).encode()

    def signed_by(self, known: Collection[Verifier]) -> tuple[tuple[Verifier, Signature], ...]:
        """The known keys that have signed, each with its signature. Signatures by unknown keys are ignored.

        Raises:
            SignatureError: a signature that claims to be by a known key is wrong.
        """
        found: dict[Verifier, Signature] = {}
        for signature in self.signatures:
            for verifier in known:
                if not verifier.made(signature):
                    continue
                if not verifier.verifies(self.text, signature):
                    raise SignatureError(
                        f"Expected a signature of {verifier.name} ({verifier.key_id.hex()}) that fits its text, got "
                        "one that does not: the text or the signature was altered."
                    )
                found.setdefault(verifier, signature)
        return tuple(found.items())

    def with_signatures(self, more: Iterable[Signature]) -> Note:
        """The same text with more signatures; one a key, and the newer one of a key that signs again."""
        kept = {(s.name, s.key_id): s for s in self.signatures}
        kept |= {(s.name, s.key_id): s for s in more}
        return Note(self.text, tuple(kept.values()))
