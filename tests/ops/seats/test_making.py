"""`athanor agent new` makes a key, rights and a program, and says what is wrong with an order."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from bus.identities import KeyFolder
from bus.server import EmbeddedServer
from contracts.presence import AgentStarted
from contracts.review import ReviewDecided
from ops.accounts import speakers_of, users_of
from ops.errors import SeatError
from ops.seat_book import BOOK, read_seats
from ops.seats.making import LANGUAGES, SeatOrder, make_seat


def order(place: Path, name: str = "jane", **changes: str) -> SeatOrder:
    """What somebody asks for."""
    said = {
        "says": "review.decided",
        "hears": "trust.review_requested",
        "language": "python",
        "public_key": "",
    } | changes
    return SeatOrder(name, said["says"], said["hears"], place, said["language"], said["public_key"], as_json=True)


async def test_a_new_name_may_say_what_was_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Key, book and program are made; the server's users and the roll's speakers have it from then on."""
    assert make_seat(order(tmp_path)) == 0
    made = json.loads(capsys.readouterr().out)
    key = Path(made["key"])
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    public, kinds = speakers_of("c-1", tmp_path)["jane"]
    assert public == KeyFolder(tmp_path / "keys").public("jane") != ""
    assert {ReviewDecided, AgentStarted} < set(kinds)
    users = users_of("c-1", tmp_path)
    assert public in users
    assert "$JS.API.CONSUMER.CREATE.LEDGER.c-1-jane" in users
    server = await EmbeddedServer.start(tmp_path / "store", users=users)  # it understands them
    await server.stop()


def test_a_private_key_may_stay_elsewhere(tmp_path: Path) -> None:
    """With a public key alone the seat is as good, and no private one is made here."""
    public = KeyFolder(tmp_path / "far").make("jane")["jane"]
    assert make_seat(order(tmp_path, public_key=public)) == 0
    assert speakers_of("c-1", tmp_path)["jane"][0] == public
    assert f"nkey: {public}" in users_of("c-1", tmp_path)
    assert not (tmp_path / "keys" / "jane.nk").exists()


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_beginning_of_a_program_runs(tmp_path: Path, language: str) -> None:
    """Each language's skeleton for a new name is a program: it compiles, and has the name, what it hears and says."""
    hears = "trust.review_requested,diffraction.phases_identified"
    assert make_seat(order(tmp_path, language=language, hears=hears)) == 0
    program = tmp_path / "agents" / f"jane{LANGUAGES[language]}"
    text = program.read_text(encoding="utf-8")
    assert "review_desk" not in text
    for word in ("jane", "trust.review_requested", "xrd_analyser", "review_id, candidate_id, approved"):
        assert word in text, word
    if language == "python":
        compile(text, program, "exec")
    elif language == "shell":
        assert subprocess.run(["bash", "-n", program], check=False).returncode == 0


@pytest.mark.parametrize(
    ("name", "changes", "told"),
    [
        ("a b", {}, "Expected a name of 1 to 64 letters"),
        ("console", {}, "Expected a name that the house does not use itself"),
        ("jane", {"says": ""}, "Expected --says KIND"),
        ("jane", {"says": "review.decide"}, "Did you mean review.decided"),
        ("jane", {"says": "campaign.started"}, "the console's words are the operator's"),
        ("jane", {"hears": "nothing.at_all"}, "Expected a kind of the catalogue"),
        ("jane", {"language": "cobol"}, "Expected a language among python"),
        ("jane", {"public_key": "UABC"}, "Expected the public key of a NATS user"),
        ("planner", {"says": "review.decided"}, "has its rights and no more"),
    ],
)
def test_an_order_that_cannot_be_is_told_why(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, changes: dict[str, str], told: str
) -> None:
    """Exit 2, one sentence, and nothing is made."""
    assert make_seat(order(tmp_path, name, **changes)) == 2
    assert told in " ".join(capsys.readouterr().err.split())
    assert not list(tmp_path.iterdir())


def test_nothing_is_made_twice(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A name with a seat, and a program that lies there, are left as they are."""
    assert make_seat(order(tmp_path)) == 0
    before = (tmp_path / "keys" / "jane.nk").read_bytes()
    assert make_seat(order(tmp_path)) == 2
    assert "has a seat" in capsys.readouterr().err
    assert (tmp_path / "keys" / "jane.nk").read_bytes() == before
    assert make_seat(order(tmp_path, "planner", says="")) == 0
    assert make_seat(order(tmp_path, "planner", says="")) == 2
    assert "nothing is written over" in capsys.readouterr().err


@pytest.mark.parametrize(
    "text",
    [
        "no json",
        '{"format": 2}',
        '{"seats": [{"name": "a b", "says": []}]}',
        '{"seats": [{"name": "jane", "says": ["no.kind"]}]}',
        '{"seats": [{"name": "jane", "says": ["campaign.started"]}]}',
        '{"seats": [{"name": "reader", "says": ["review.decided"]}]}',
    ],
)
def test_a_book_that_cannot_be_used_is_told(tmp_path: Path, text: str) -> None:
    """Neither damage nor a hand that gives itself the console's words is passed over: the lab does not start."""
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / BOOK).write_text(text)
    with pytest.raises(SeatError, match="Expected a book of seats in"):
        read_seats(tmp_path / "keys")
    with pytest.raises(SeatError):
        users_of("c-1", tmp_path)


def test_the_command_says_how_to_go_on() -> None:
    """Help names both commands."""
    told = subprocess.run(
        [sys.executable, "-m", "ops.cli", "agent", "--help"], capture_output=True, text=True, check=True
    )
    assert "new" in told.stdout
    assert "check" in told.stdout
