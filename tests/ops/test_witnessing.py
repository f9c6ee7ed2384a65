"""The witness as a server: the protocol's paths, statuses and media types over real HTTP."""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import uvicorn

from bus.ledger.asking import Address
from bus.ledger.witness import MAX_BODY, Witness
from ops.witnessing import WitnessOrder, application, run_witness, trusted_in
from tests.bus.ledger.test_witness import LOG, Log
from tests.bus.ledger.witnessed import witness_in


@contextmanager
def served(witness: Witness) -> Iterator[Callable[..., tuple[int, str, str]]]:
    """Asks a witness over HTTP: (status, body, media type)."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(application(witness), log_config=None, lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()

    def ask(method: str, path: str, body: bytes | None = None) -> tuple[int, str, str]:
        connection = http.client.HTTPConnection("127.0.0.1", listener.getsockname()[1], timeout=20)
        try:
            connection.request(method, path, body)
            answer = connection.getresponse()
            return answer.status, answer.read().decode(), answer.headers["content-type"]
        finally:
            connection.close()

    try:
        yield ask
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


@pytest.fixture
def log(tmp_path: Path) -> Log:
    return Log(tmp_path / "log", [f"entry {n}".encode() for n in range(20)])


def test_the_protocol_over_http(tmp_path: Path, log: Log) -> None:
    """A cosignature, a conflict with its size, a refusal, a body that is too large, and no other method."""
    witness = witness_in(tmp_path / "witness", LOG.verifier)
    with served(witness) as ask:
        status, body, _ = ask("POST", "/add-checkpoint", log.request(0, 8))
        assert status == 200
        assert body.startswith(f"— {witness.verifier.name} ")
        assert ask("POST", "/add-checkpoint", log.request(0, 20)) == (409, "8\n", "text/x.tlog.size")
        assert ask("POST", "/add-checkpoint", b"nonsense")[0] == 400
        assert ask("POST", "/add-checkpoint", b"x" * (MAX_BODY + 1))[0] == 413
        assert ask("GET", "/add-checkpoint")[0] == 405
        assert ask("GET", "/verifier")[1] == f"{witness.verifier}\n"
        assert ask("GET", "/livez")[0] == 200


def test_a_witness_that_cannot_remember_does_not_cosign(
    tmp_path: Path, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk is a 500 that says so, and the next request finds the old state."""

    def refuse(_: int) -> None:
        raise OSError(28, "No space left on device")

    with served(witness_in(tmp_path / "witness", LOG.verifier)) as ask:
        with monkeypatch.context() as patch:
            patch.setattr("bus.ledger.tiles.os.fsync", refuse)
            status, body, _ = ask("POST", "/add-checkpoint", log.request(0, 8))
        assert status == 500
        assert "No space left" in body
        assert ask("POST", "/add-checkpoint", log.request(0, 8))[0] == 200


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"trust": []}, "Expected a verifier key of the log"),
        ({"trust": ["nonsense"]}, "Expected a verifier key"),
        ({"listen": "8421"}, "Expected --listen as host:port"),
        ({"listen": "127.0.0.1:99999"}, "Choose another --listen"),
        ({"listen": "nowhere.invalid:0"}, "Choose another --listen"),
    ],
)
def test_what_cannot_be_used_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], changes: dict[str, object], words: str
) -> None:
    """No key, a wrong key, no address: exit code 2 and a sentence each."""
    fields = {"trust": [str(LOG.verifier)], "listen": "127.0.0.1:0"} | changes
    assert run_witness(WitnessOrder(tmp_path / "key" / "private", tmp_path / "state", **fields)) == 2
    assert words in capsys.readouterr().err


def test_two_witnesses_over_one_state(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The second is told who has it."""
    first = witness_in(tmp_path, LOG.verifier)
    order = WitnessOrder(tmp_path / "key" / "private", tmp_path / "state", [str(LOG.verifier)], "127.0.0.1:0")
    assert run_witness(order) == 2
    assert "in use by process" in capsys.readouterr().err
    first.close()


def test_keys_come_as_text_or_in_files(tmp_path: Path) -> None:
    """What --trust may be."""
    (tmp_path / "keys").write_text(f"{LOG.verifier}\n\n{LOG.verifier}\n")
    assert trusted_in(str(tmp_path / "keys")) == [LOG.verifier, LOG.verifier]
    assert trusted_in(str(LOG.verifier)) == [LOG.verifier]


def test_an_address_on_a_card(tmp_path: Path) -> None:
    """What a witness leaves is what the writer finds, and half a card is none."""
    card = tmp_path / "address.json"
    assert Address.on(card) is None
    Address("http://127.0.0.1:5", LOG.verifier).leave(card)
    assert Address.on(card) == Address("http://127.0.0.1:5", LOG.verifier)
    card.write_text('{"url": "http')
    assert Address.on(card) is None
