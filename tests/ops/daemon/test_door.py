"""Who gets in at the daemon's face: by raw sockets and by clients that misbehave."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest

from ops.daemon import door
from ops.daemon.door import MOST_BODY, MOST_CONNECTIONS
from ops.daemon.face import Face, Facts
from ops.daemon.reasons import MOST_REASON, unfit
from ops.errors import NoSuchAgentError, NotYetError
from tests.ops.daemon.test_face import STATUS


class Lab:
    """A face, and which of its switches were pressed with what words."""

    def __init__(self, folder: Path) -> None:
        self.pressed: list[tuple[str, str]] = []
        self.away = ""
        self.face = Face(
            Facts(
                lambda: STATUS, lambda: "", self.switch("pause"), self.switch("resume"), lambda: None,
                retry=self.retry, ledger=folder,
            ),
            0,
        )  # fmt: skip
        self.port = int(self.face.url.rpartition(":")[2])

    def switch(self, name: str):
        async def press(reason: str) -> None:
            if self.away:
                raise NotYetError(self.away)
            self.pressed.append((name, reason))

        return press

    async def retry(self, agent: str, reason: str) -> str:
        """The switch that tells something."""
        if agent == "nobody":
            raise NoSuchAgentError("Expected an agent among planner, got nobody.")
        self.pressed.append((f"retry {agent}", reason))
        return "nothing was set aside"

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A bare connection."""
        return await asyncio.open_connection("127.0.0.1", self.port)

    async def ask(self, line: str, *headers: str, host: str | None = "127.0.0.1", body: bytes = b"") -> tuple[int, str]:
        """Status and words that one request gets, on a connection of its own."""
        reader, writer = await self.connect()
        lines = [f"{line} HTTP/1.1", *([f"Host: {host}"] if host is not None else []), *headers, "Connection: close"]
        writer.write("\r\n".join([*lines, "", ""]).encode() + body)
        answer = (await asyncio.wait_for(reader.read(), 20)).decode()
        writer.close()
        head, _, words = answer.partition("\r\n\r\n")
        return int(head.split()[1]), words.strip()

    async def press(self, line: str, *headers: str, host: str = "127.0.0.1", body: bytes = b"") -> tuple[int, str]:
        """The same, as our own command does it."""
        return await self.ask(f"POST {line}", "Athanor: yes", *headers, host=host, body=body)


@pytest.fixture
async def lab(tmp_path: Path) -> AsyncIterator[Lab]:
    """A face that answers."""
    lab = Lab(tmp_path)
    lab.face.open()
    while not lab.face._server.started:
        await asyncio.sleep(0.01)
    yield lab
    await asyncio.wait_for(lab.face.close(), 30)


async def test_only_what_is_there_can_be_asked_for(lab: Lab) -> None:
    """A misspelt switch presses none: it is 404 with the paths that there are; a wrong method is 405."""
    status, words = await lab.press("/pasue")
    assert (status, lab.pressed) == (404, [])
    assert "/pause" in words
    assert (await lab.press("/pause/"))[0] == 404
    assert (await lab.ask("GET /nowhere"))[0] == 404
    assert (await lab.ask("GET /pause"))[0] == 405
    assert await lab.press("/status") == (405, "Expected GET, HEAD of /status, got POST.")
    assert (await lab.ask("DELETE /resume", "Athanor: yes"))[0] == 405
    assert lab.pressed == []
    assert await lab.press("/pause?reason=lunch") == (200, "done")
    assert await lab.press("/retry?agent=planner&reason=mended") == (200, "nothing was set aside")
    assert await lab.press("/retry?agent=nobody") == (422, "Expected an agent among planner, got nobody.")
    assert lab.pressed == [("pause", "lunch"), ("retry planner", "mended")]


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.1:8420", "localhost", "LOCALHOST:1", "[::1]", "[::1]:8420"])
async def test_the_names_of_this_machine_are_let_in(lab: Lab, host: str) -> None:
    """With or without a port, which a tunnel may change."""
    assert (await lab.ask("GET /livez", host=host))[0] == 200


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "localhost:x", "", "10.0.0.1", None])
async def test_a_name_that_only_points_here_is_turned_away(lab: Lab, host: str | None) -> None:
    """A page whose name is made to point at the loopback interface reads nothing and switches nothing."""
    for line in ("GET /status", "GET /metrics", "POST /pause?reason=x"):
        assert (await lab.ask(line, "Athanor: yes", host=host))[0] in {400, 421}
    assert lab.pressed == []


async def test_another_page_switches_nothing(lab: Lab) -> None:
    """An Origin that is not the face's own is refused where something changes, whatever other header comes along."""
    for origin in ("http://evil.example", "null", "https://127.0.0.1", "http://127.0.0.1:1"):
        assert (await lab.press("/stop", f"Origin: {origin}"))[0] == 403
        assert (await lab.press("/pause?reason=x", f"Origin: {origin}"))[0] == 403
    assert (await lab.ask("POST /pause?reason=x"))[0] == 403
    assert lab.pressed == []
    assert (await lab.press("/pause?reason=x", "Origin: http://127.0.0.1"))[0] == 200


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        ("x" * 65_000, "at most 500 characters, got 65000"),
        ("x" * (MOST_REASON + 1), "at most 500 characters, got 501"),
        ("", "in words, got none"),
        ("%20%09", "in words, got none"),
        ("a%0Ab%1B%5B2J", "got U+000A, U+001B"),
    ],
)
async def test_a_reason_that_cannot_be_kept_is_told_and_nothing_is_written(lab: Lab, reason: str, told: str) -> None:
    """422 and a sentence that names what is wrong and what to do."""
    status, words = await lab.press(f"/pause?reason={reason}")
    assert status == 422
    assert told in words
    assert lab.pressed == []


def test_a_reason_of_the_largest_size_in_any_script_is_fit() -> None:
    """What is counted are characters and not bytes."""
    assert unfit("é" * MOST_REASON) == ""


async def test_a_switch_that_cannot_be_pressed_now_says_so(lab: Lab) -> None:
    """While the past is being read nothing is done, and nobody is told that it was."""
    lab.away = "starting: the past is being read"
    assert await lab.press("/pause?reason=x") == (503, "starting: the past is being read")


async def test_bodies_are_bounded(lab: Lab) -> None:
    """Announced or endless, a large body is 413 and the connection ends; a short one is let pass."""
    assert (await lab.press("/pause?reason=a", f"Content-Length: {10**12}"))[0] == 413
    piece = b"1000\r\n" + b"x" * 4096 + b"\r\n"
    status, words = await lab.press("/pause?reason=b", "Transfer-Encoding: chunked", body=piece * 4)
    assert status == 413
    assert f"at most {MOST_BODY} bytes" in words
    assert lab.pressed == []
    assert (await lab.press("/pause?reason=c", "Content-Length: 4", body=b"abcd"))[0] == 200
    assert lab.pressed == [("pause", "c")]


@pytest.mark.parametrize(
    "begun",
    [
        b"", b"GET /sta", b"GET /status HTTP/1.1\r\nHost: 127.0.0.1\r\n",
        b"POST /pause?reason=x HTTP/1.1\r\nHost: 127.0.0.1\r\nAthanor: yes\r\nContent-Length: 9\r\n\r\nab",
        b"GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\nGET /li",
    ],
    ids=["nothing", "line", "header", "body", "second"],
)  # fmt: skip
async def test_a_half_open_connection_ends(lab: Lab, begun: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who begins a request and falls silent, at whatever place, is let go of; nothing is done."""
    monkeypatch.setattr(door, "ASKED_WITHIN", 0.3)
    reader, writer = await lab.connect()
    writer.write(begun)
    with suppress(ConnectionResetError):
        await asyncio.wait_for(reader.read(), 20)
    writer.close()
    assert lab.pressed == []


async def test_a_request_that_trickles_ends_too(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """A byte now and then does not buy more time."""
    monkeypatch.setattr(door, "ASKED_WITHIN", 0.3)
    reader, writer = await lab.connect()
    gone = asyncio.create_task(reader.read())
    writer.write(b"GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\nX: ")
    for _ in range(400):
        await asyncio.sleep(0.05)
        if gone.done():
            break
        writer.write(b"x")
    assert gone.done()
    await asyncio.gather(gone, return_exceptions=True)
    writer.close()


async def test_many_half_open_connections_keep_nobody_out(lab: Lab) -> None:
    """The oldest that say nothing make room; whoever has something to ask is answered meanwhile."""
    open_ones = [await lab.connect() for _ in range(3 * MOST_CONNECTIONS)]
    for _, writer in open_ones:
        writer.write(b"GET /status HTTP/1.1\r\n")
    assert (await lab.ask("GET /livez"))[0] == 200
    assert len(lab.face._server.server_state.connections) <= MOST_CONNECTIONS
    for _, writer in open_ones:
        writer.close()


async def test_a_face_closes_although_a_client_is_silent(lab: Lab) -> None:
    """A drain is not held up by a body that never comes, and half a request is not obeyed."""
    reader, writer = await lab.connect()
    writer.write(b"POST /stop HTTP/1.1\r\nHost: 127.0.0.1\r\nAthanor: yes\r\nContent-Length: 9\r\n\r\n")
    await asyncio.sleep(0.1)
    await asyncio.wait_for(lab.face.close(), 20)
    assert not (await asyncio.wait_for(reader.read(), 20)).startswith(b"HTTP/1.1 2")
    writer.close()
