"""Headers that are read late are those that the library would have read at once."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nats.aio.client import Client

from bus.headers import Headers
from bus.parsing import LeanClient

names = st.from_regex(r"[A-Za-z][A-Za-z0-9-]{0,12}", fullmatch=True)
values = st.text(st.characters(min_codepoint=33, max_codepoint=0x17F, exclude_categories=["Zs", "Cc"]), min_size=1)


@given(st.dictionaries(names, values, min_size=1, max_size=8))
@settings(max_examples=50, deadline=None)
async def test_they_say_the_same(said: dict[str, str]) -> None:
    """Name by name and value by value, for whatever headers a message may carry."""
    raw = b"NATS/1.0\r\n" + "".join(f"{k}: {v}\r\n" for k, v in said.items()).encode() + b"\r\n"
    late = await LeanClient()._process_headers(raw)
    assert isinstance(late, Headers)
    assert dict(late) == said == await Client()._process_headers(raw)
    assert late.get("not-there") is None


@pytest.mark.parametrize(
    "raw", [b"", b"NATS/1.0 404 No Messages\r\n\r\n", b"NATS/1.0 503\r\n\r\n", b"NATS/1.0 204 EOB\r\nA: b\r\n\r\n"]
)
async def test_a_status_is_left_to_the_library(raw: bytes) -> None:
    """What the server says about a request, and a message without headers, are read as ever."""
    assert await LeanClient()._process_headers(raw) == await Client()._process_headers(raw)


async def test_a_publisher_cannot_write_what_only_the_server_may_tell() -> None:
    """Of two headers of one name the server's counts, which is the last, and a header is no status line."""
    raw = (
        b"NATS/1.0\r\nNats-Subject: lab.c-1.trust.candidate_cleared\r\nNats-Sequence: 99\r\nStatus: 404\r\n"
        b"Nats-Subject: lab.c-1.review.decided\r\nNats-Sequence: 7\r\n\r\n"
    )
    told = await LeanClient()._process_headers(raw)
    assert dict(told) == {"Nats-Subject": "lab.c-1.review.decided", "Nats-Sequence": "7"}
