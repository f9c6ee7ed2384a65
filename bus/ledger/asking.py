"""How a log asks a witness for its cosignature (https://c2sp.org/tlog-witness, the client's side)."""

from __future__ import annotations

import http.client
import json
import re
import time
import urllib.parse
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from bus.ledger.errors import LedgerError, NoteError, SigningKeyError
from bus.ledger.note import COSIGNATURE, Note, Signature, Verifier
from bus.ledger.witness import Request

ANSWER_WITHIN = 3.0
"""Seconds that a witness may take to answer; the log waits for it before it publishes."""
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
"""Seconds before a witness that was away is asked again; the pause doubles."""
_SIZE = re.compile(rb"(0|[1-9][0-9]{0,18})\n")
_TRIES = 3


class WitnessAwayError(LedgerError):
    """A witness does not answer."""


class WitnessRefusedError(LedgerError):
    """A witness answers that it will not cosign.

    Attributes:
        forked: whether it has cosigned another history than this one.
        seen: the size that it has cosigned, if it has told.
    """

    def __init__(self, message: str, *, forked: bool = False, seen: int | None = None) -> None:
        self.forked, self.seen = forked, seen
        super().__init__(message)


Proof = Callable[[int, int], list[bytes]]
"""(old size, new size) → consistency proof."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a witness is, and who it is."""

    url: str
    """Its submission prefix."""
    key: Verifier | None = None
    """Its public key; without one it is asked for it, and believed the first time."""

    def leave(self, card: Path) -> None:
        """Writes it down where the log's writer looks, whole or not at all."""
        temporary = card.with_name(f".new-{card.name}")
        temporary.write_text(json.dumps({"url": self.url, "key": str(self.key or "")}) + "\n", encoding="utf-8")
        temporary.replace(card)

    @classmethod
    def on(cls, card: Path) -> Address | None:
        """The address that a witness has left; none before it has."""
        try:
            told = json.loads(card.read_text(encoding="utf-8"))
            return cls(str(told["url"]), Verifier.parse(told["key"]) if told["key"] else None)
        except (OSError, ValueError, KeyError, TypeError, SigningKeyError):
            return None


@dataclass
class Asker:
    """Asks one witness.

    Attributes:
        locate: tells where it is; asked again after it was away, for it may have moved.
        learn: called with its key before it is asked first; raises if another one is expected there.
        away: why it is not asked now; empty while it answers.
    """

    locate: Callable[[], Address | None]
    learn: Callable[[Verifier], None] = lambda _: None
    away: str = ""
    _at: Address | None = None
    _known: Verifier | None = None
    _old: int = 0
    _pause: float = FIRST_PAUSE
    _again_at: float = 0.0
    _connection: http.client.HTTPConnection | None = field(default=None, repr=False)

    @property
    def url(self) -> str:
        """Where it was asked last."""
        return self._at.url if self._at else "an unknown address"

    @property
    def due(self) -> bool:
        """Whether it is to be asked now: it answers, or has been away for long enough to try again."""
        return not self.away or time.monotonic() >= self._again_at

    def ask(self, note: Note, size: int, proof: Proof) -> tuple[Signature, ...]:
        """Its cosignature of a checkpoint.

        Args:
            note: the checkpoint, signed by the log.
            size: its size.
            proof: that it continues what the witness has seen.

        Raises:
            WitnessAwayError: it does not answer.
            WitnessRefusedError: it has seen more than this, or something else, or does not know this log.
        """
        verifier = self._identified()
        for _ in range(_TRIES):
            request = Request(self._old, tuple(proof(self._old, size)), note.encode())
            status, body = self._post(request.encode())
            if status == 200:
                signatures = self._checked(verifier, note, body)
                self.away, self._pause, self._old = "", FIRST_PAUSE, size
                return signatures
            told = _SIZE.fullmatch(body) if status == 409 else None
            self._old, old = int(told[1]) if told else 0, self._old
            if told is None and status >= 500:
                raise self._gone(f"it answered {status}")
            if told is None or self._old > size:
                self._wait()
            if told is None:
                raise WitnessRefusedError(
                    f"Expected the witness {verifier.name} to cosign {size} entries that begin with the {old} it has "
                    f"cosigned, got a refusal ({status}): {body[:300].decode('utf-8', 'replace').strip()}",
                    forked=status == 422,
                    seen=old if status == 422 else None,
                )
            if self._old > size:
                raise WitnessRefusedError(
                    f"Expected the witness {verifier.name} to have seen at most the {size} entries of this ledger, got "
                    f"one that has cosigned {self._old}: the ledger was rolled back to an older state, or there are "
                    "two of it. Put the newest copy of the ledger's folder in its place.",
                    forked=True,
                    seen=self._old,
                )
        raise self._gone("it has seen something else each time; somebody else adds to this log")

    def _identified(self) -> Verifier:
        """Its key, asked for if it was not given."""
        at = self.locate() if self.away or self._at is None else self._at
        if at is None:
            raise self._gone("it has not told yet where it is")
        if at != self._at:
            self._at, self._known = at, None
            self._hang_up()
        if self._known is None:
            try:
                verifier = at.key or key_at(at.url)
                self.learn(verifier)
            except WitnessAwayError as error:
                raise self._gone(str(error.__cause__ or error)) from error
            except SigningKeyError as error:
                self._wait()
                raise WitnessRefusedError(str(error)) from error
            self._known = verifier
        return self._known

    def _checked(self, verifier: Verifier, note: Note, body: bytes) -> tuple[Signature, ...]:
        try:
            answered = Note(note.text, tuple(Signature.parse(line) for line in body.decode().splitlines()))
            found = answered.signed_by([verifier])
        except (NoteError, UnicodeDecodeError) as error:
            self._wait()
            raise WitnessRefusedError(f"Expected a cosignature of {verifier.name}, got: {error}") from error
        if not found:
            self._wait()
            raise WitnessRefusedError(
                f"Expected a cosignature by {verifier}, got others. Another witness answers at {self.url}."
            )
        return tuple(signature for _, signature in found)

    def _post(self, body: bytes) -> tuple[int, bytes]:
        path = urllib.parse.urlsplit(self.url).path.rstrip("/") + "/add-checkpoint"
        for fresh in (self._connection is None, True):
            if self._connection is None:
                self._connection = connection_to(self.url)
            try:
                self._connection.request("POST", path, body)
                answer = self._connection.getresponse()
                return answer.status, answer.read(100_000)
            except (OSError, http.client.HTTPException) as error:
                self._hang_up()
                if fresh:
                    raise self._gone(str(error) or type(error).__name__) from error
        raise AssertionError  # a fresh connection answers or raises

    def _hang_up(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _gone(self, reason: str) -> WitnessAwayError:
        self.away = (
            f"Expected the witness at {self.url} to answer, got: {reason}. The ledger goes on and asks again; until it "
            "answers, nobody else vouches for what is added."
        )
        self._wait()
        return WitnessAwayError(self.away)

    def _wait(self) -> None:
        self._again_at = time.monotonic() + self._pause
        self._pause = min(2 * self._pause, LONGEST_PAUSE)


def connection_to(url: str) -> http.client.HTTPConnection:
    """A connection to a witness.

    Raises:
        LedgerError: the address cannot be used.
    """
    parts = urllib.parse.urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        port = -1
    if parts.scheme not in {"http", "https"} or not parts.hostname or port == -1:
        raise LedgerError(f"Expected the address of a witness as http://host:port, got {url!r}.")
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    return kind(parts.hostname, port, timeout=ANSWER_WITHIN)


def key_at(url: str) -> Verifier:
    """The verifier key that a witness tells of itself, to be remembered from the first time on.

    Raises:
        WitnessAwayError: nobody answers there.
        SigningKeyError: what answers is no witness of ours.
    """
    connection = connection_to(url)
    try:
        connection.request("GET", urllib.parse.urlsplit(url).path.rstrip("/") + "/verifier")
        answer = connection.getresponse()
        status, told = answer.status, answer.read(1000).decode("utf-8", "replace")
    except (OSError, http.client.HTTPException) as error:
        raise WitnessAwayError(f"Expected a witness to answer at {url}, got: {error}.") from error
    finally:
        connection.close()
    if status != 200:
        raise SigningKeyError(
            f"Expected the witness at {url} to tell its verifier key, got status {status}. Give its key yourself."
        )
    verifier = Verifier.parse(told)
    if verifier.kind != COSIGNATURE:
        raise SigningKeyError(f"Expected the verifier key of a witness at {url}, got that of a log.")
    return verifier
