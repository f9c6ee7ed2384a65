"""Headers of a message, read only when somebody looks at them.

A stored event carries half a dozen headers, and on the way to an agent nobody needs one of them: what matters is in the
payload. The library looks at each character of each of them, for each message.

What the server adds stands behind what the publisher wrote: of two headers of one name the last counts. Only a status
line is a status; a publisher who writes a header of that name says nothing by it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

LINE = b"NATS/1.0\r\n"
_OF_STATUS_LINES = frozenset({"Status", "Description"})
"""Names under which the library tells a status line."""


class Headers(Mapping[str, str]):
    """The headers of a message, not looked at yet."""

    __slots__ = ("_raw", "_read")

    def __init__(self, raw: bytes) -> None:
        self._raw = raw
        self._read: dict[str, str] | None = None

    def _all(self) -> dict[str, str]:
        if self._read is None:
            lines = self._raw[len(LINE) :].decode("utf-8", "surrogateescape").split("\r\n")
            self._read = {}
            for line in lines:
                name, colon, value = line.partition(":")
                if colon and name not in _OF_STATUS_LINES:
                    self._read[name] = value.strip(" \t\r\n\x0b\x0c")
        return self._read

    def __getitem__(self, name: str) -> str:
        return self._all()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())

    def __bool__(self) -> bool:
        return True
