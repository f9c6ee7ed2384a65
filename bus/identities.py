"""Who speaks on a connection, and where the private keys lie.

Each identity has a key pair of its own (Ed25519, in the NATS notation for nkeys). The server knows the public halves;
the private ones lie one a file in a folder that is nobody else's, ``DIR/keys/planner.nk``.
"""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bus.errors import IdentityError
from bus.signing import Signer

SUFFIX = ".nk"
_SEED = re.compile(r"-----BEGIN USER NKEY SEED-----\s+(\S+)")
READER = "reader"
"""May read everything, who listens included, and write nothing."""
PROVISIONER = "provisioner"
"""May make and change the stream, and say nothing in it."""


@dataclass(frozen=True)
class Identity:
    """Somebody, and the file that proves it: an nkey seed, or credentials with a JWT."""

    name: str
    file: Path
    own_inbox: bool = False
    """Whether answers come to an inbox that nobody else may listen to."""

    def options(self) -> dict[str, Any]:
        """What the client library needs to sign in.

        Raises:
            IdentityError: the file cannot be read, or holds nothing of the kind.
        """
        text = _read(self.file)
        options: dict[str, Any] = {"inbox_prefix": inbox(self.name)} if self.own_inbox else {}
        if text.lstrip().startswith("-----BEGIN NATS USER JWT"):
            return {**options, "user_credentials": str(self.file)}
        _public(text, self.file)
        return {**options, "nkeys_seed_str": text.strip()}

    def signer(self) -> Signer:
        """What signs this identity's words.

        Raises:
            IdentityError: the file cannot be read, or holds no key.
        """
        return Signer(self._seed(), self.file)

    def public_key(self) -> str:
        """The public half of the key (``U…``).

        Raises:
            IdentityError: the file cannot be read, or holds no key.
        """
        return _public(self._seed(), self.file)

    def _seed(self) -> str:
        """The private key's seed, which credentials hold beside their JWT."""
        text = _read(self.file)
        return found[1] if (found := _SEED.search(text)) else text


def inbox(name: str) -> str:
    """First token of the subjects on which an identity gets its answers."""
    return f"_INBOX_{name}"


@dataclass(frozen=True)
class KeyFolder:
    """A folder of private keys, one file an identity."""

    folder: Path

    def make(self, *names: str) -> dict[str, str]:
        """Makes the keys that are not there yet.

        Returns:
            Identity → its public key.

        Raises:
            IdentityError: a file cannot be written, or holds no key.
        """
        return {name: self._made(name) for name in names}

    def _made(self, name: str) -> str:
        import nkeys

        path = self.folder / f"{name}{SUFFIX}"
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self.folder.chmod(0o700)
            if not path.exists():
                seed = nkeys.encode_seed(os.urandom(32), nkeys.PREFIX_BYTE_USER)
                part = path.with_suffix(".part")
                part.unlink(missing_ok=True)
                with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                    file.write(seed + b"\n")
                    file.flush()
                    os.fsync(file.fileno())
                part.rename(path)
        except OSError as error:
            raise IdentityError(f"Expected to keep the key of {name} in {self.folder}, got: {error}.") from error
        return _public(_read(path), path)

    def public(self, name: str) -> str:
        """The public key of somebody; empty where none lies here.

        Raises:
            IdentityError: what lies here is no key, or open to everybody.
        """
        path = self.folder / f"{name}{SUFFIX}"
        return _public(_read(path), path) if path.exists() else ""

    def __contains__(self, name: str) -> bool:
        return (self.folder / f"{name}{SUFFIX}").exists()

    def identity(self, name: str) -> Identity:
        """Somebody whose key lies here.

        Raises:
            IdentityError: there is no such key.
        """
        if name not in self:
            known = ", ".join(sorted(p.stem for p in self.folder.glob(f"*{SUFFIX}"))) or "none"
            raise IdentityError(
                f"Expected a key {name}{SUFFIX} in {self.folder}, got keys of: {known}. Whoever speaks on this server "
                "needs a key of his own: see ops/deploy/nats.conf."
            )
        return Identity(name, self.folder / f"{name}{SUFFIX}", own_inbox=True)


def _read(path: Path) -> str:
    try:
        mode = path.stat().st_mode
        text = path.read_text(encoding="ascii")
    except (OSError, ValueError) as error:
        raise IdentityError(f"Expected a key in {path}, got: {error}.") from error
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise IdentityError(
            f"Expected a key that only its owner can read, got mode {stat.S_IMODE(mode):04o} of {path}. "
            f"Say chmod 600 {path}, and make a new key if others may have read it."
        )
    return text


def _public(seed: str, path: Path) -> str:
    """The public half of a seed."""
    import nkeys

    try:
        pair = nkeys.from_seed(bytearray(seed.strip().encode()))
        return str(pair.public_key.decode())
    except Exception as error:  # the library raises what its decoders happen to
        raise IdentityError(
            f"Expected the seed of a NATS user (SU…) or credentials with a JWT in {path}, got something else. "
            "Make one with nk -gen user."
        ) from error
