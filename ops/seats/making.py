"""`athanor agent new`: a key, its rights in the book of seats, and the beginning of a program."""

from __future__ import annotations

import json
import re
import shlex
import sys
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from agents.speakers import AGENTS
from bus.errors import IdentityError
from bus.identities import SUFFIX, KeyFolder
from contracts.catalogue import CATALOGUE
from ops.errors import OpsError, SeatError
from ops.exits import UNUSABLE, complain
from ops.seat_book import Seat, checked_kinds, checked_name, keep_seat, read_seats
from ops.seats.stage import speaker_of

LANGUAGES = {"python": ".py", "javascript": ".mjs", "shell": ".sh"}
"""Language → how the names of its programs end."""
STARTS = {"python": "python", "javascript": "node", "shell": "bash"}
"""Language → what runs its programs."""
_PUBLIC = re.compile(r"U[A-Z2-7]{55}")
_DESK = "review_desk"


@dataclass(frozen=True)
class SeatOrder:
    """What was asked for."""

    name: str
    says: str
    hears: str
    place: Path
    language: str
    public_key: str
    as_json: bool


def make_seat(order: SeatOrder) -> int:
    """Makes it, and says what was made; the exit code."""
    try:
        seat = _seat(order)
        keys = order.place / "keys"
        program = order.place / "agents" / f"{order.name}{LANGUAGES[order.language]}"
        if program.exists():
            raise SeatError(f"Expected no program in {program}, got one. Move it away; nothing is written over.")
        text = skeleton(seat, order.language)
        if not seat.public_key:
            KeyFolder(keys).make(seat.name)
        if seat.name not in AGENTS or seat.public_key:
            keep_seat(keys, seat)
        _write(program, text)
    except (OpsError, IdentityError) as error:
        complain(str(error))
        return UNUSABLE
    key = keys / f"{seat.name}{SUFFIX}"
    start = f"{STARTS[order.language]} {shlex.quote(str(program))} nats://HOST:PORT {shlex.quote(str(key))} CAMPAIGN"
    if order.as_json:
        made = {"name": seat.name, "says": seat.says, "hears": seat.hears, "key": str(key), "program": str(program)}
        sys.stdout.write(json.dumps(made | {"start": start}) + "\n")
        return 0
    sys.stdout.write(
        f"{seat.name} may say {', '.join(seat.says)}, and that it comes, goes and stumbles.\n"
        f"key        {key if not seat.public_key else seat.public_key}\n"
        f"program    {program}\n"
        f"check it   athanor agent check {seat.name} {shlex.quote(str(order.place))} --run "
        f"{shlex.quote(f'{STARTS[order.language]} {program}')}\n"
        f"start it   {start}\n{_how_it_is_let_in(seat, order.place)}\n"
    )
    return 0


def _how_it_is_let_in(seat: Seat, place: Path) -> str:
    others = ",".join(name for name in AGENTS if name != seat.name)
    if seat.name in AGENTS and not seat.public_key:
        return f"The lab leaves the seat to it when it is started without: athanor up --out {place} --agents {others}"
    return (
        f"A lab that is running does not know it yet: start it again (athanor stop {place}, then athanor up --out "
        f"{place}). A server of your own needs it among its users: see ops/deploy/nats.conf."
    )


def _seat(order: SeatOrder) -> Seat:
    """The seat that was asked for.

    Raises:
        SeatError: it cannot be.
    """
    name = checked_name(order.name)
    if order.language not in LANGUAGES:
        raise SeatError(f"Expected a language among {', '.join(LANGUAGES)}, got {order.language!r}.")
    if order.public_key and not _PUBLIC.fullmatch(order.public_key):
        raise SeatError(f"Expected the public key of a NATS user (U and 55 characters), got {order.public_key[:60]!r}.")
    if any(seat.name == name for seat in read_seats(order.place / "keys")):
        raise SeatError(f"Expected a name that is not taken, got {name}, who has a seat in {order.place} already.")
    says, hears = checked_kinds(_words(order.says), free=name in AGENTS), checked_kinds(_words(order.hears), free=True)
    if name in AGENTS:
        own = tuple(kind.kind for kind in AGENTS[name])
        if foreign := sorted(set(says) - set(own)):
            raise SeatError(
                f"Expected kinds that {name} says ({', '.join(own)}), got {', '.join(foreign)}. Who takes a seat over "
                "has its rights and no more; choose a new name for more."
            )
        says = own
    elif not says:
        raise SeatError("Expected --says KIND,… for a new name, got none. athanor catalogue lists what may be said.")
    for kind in hears:
        speaker_of(kind)
    return Seat(name=name, says=says, hears=hears or _heard_by(name), public_key=order.public_key)


def _heard_by(name: str) -> tuple[str, ...]:
    """What is listened to where nothing was said of it: what an agent of the lab reacts to, or its beginning."""
    from agents.crew import reactions

    return reactions().get(name, ("campaign.started",))


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


def skeleton(seat: Seat, language: str) -> str:
    """The program of the how-to, for another seat; its answers are left to be written.

    Args:
        seat: whose.
        language: one of `LANGUAGES`.
    """
    text = files("ops.seats").joinpath("skeletons", f"{_DESK}{LANGUAGES[language]}").read_text(encoding="utf-8")
    if seat.name == _DESK and seat.hears == ("trust.review_requested",):
        return text
    heard = {kind: (speaker_of(kind), CATALOGUE[kind].version) for kind in seat.hears}
    text = text.replace("review desk", seat.name).replace(_DESK, seat.name)
    return {"python": _python, "javascript": _javascript, "shell": _shell}[language](text, seat, heard)


def _fields(kind: str) -> str:
    return ", ".join(CATALOGUE[kind].model_fields)


def _python(text: str, seat: Seat, heard: dict[str, tuple[str, int]]) -> str:
    text = re.sub(
        r"HEARS = \{.*?\}(?=  #)", lambda _: f"HEARS = {json.dumps(heard).replace('[', '(').replace(']', ')')}", text
    )
    text = re.sub(r"SAYS = \(.*?\)\n", lambda _: f"SAYS = ({', '.join(json.dumps(k) for k in seat.says)},)\n", text)
    lines = [f"    # yield {json.dumps(k)}, {CATALOGUE[k].version}, {{...}}  with {_fields(k)}" for k in seat.says]
    body = "\n".join(["    if cause is None:", "        yield", *lines])
    return re.sub(
        r'(def answers\(cause\):\n    """.*?"""\n).*?(?=\n\n\n)', lambda m: m[1] + body, text, flags=re.DOTALL
    )


def _javascript(text: str, seat: Seat, heard: dict[str, tuple[str, int]]) -> str:
    text = re.sub(r"const HEARS = \{.*?\};", lambda _: f"const HEARS = {json.dumps(heard)};", text)
    text = re.sub(r"const SAYS = \[.*?\];", lambda _: f"const SAYS = {json.dumps(seat.says)};", text)
    lines = [f'  // yield ["{k}", {CATALOGUE[k].version}, {{ ... }}]; with {_fields(k)}' for k in seat.says]
    body = "\n".join(lines)
    return re.sub(r"(function\* answers\(cause\) \{\n).*?(?=\n\}\n)", lambda m: m[1] + body, text, flags=re.DOTALL)


def _shell(text: str, seat: Seat, heard: dict[str, tuple[str, int]]) -> str:
    pairs = " ".join(f'[{kind}]="{who} {version}"' for kind, (who, version) in heard.items())
    text = re.sub(r"declare -A HEARS=\(.*?\)(?= #)", lambda _: f"declare -A HEARS=({pairs})", text)
    text = re.sub(r"SAYS=\(.*?\)\n", lambda _: f"SAYS=({' '.join(seat.says)})\n", text)
    lines = [
        f"  # echo {k}; echo {CATALOGUE[k].version}; jq -c '{{...}}' <<<\"$1\"  with {_fields(k)}" for k in seat.says
    ]
    body = "\n".join([*lines, "  :"])
    return re.sub(r"(answers\(\) \{ # CAUSE\n).*?(?=\n\}\n)", lambda m: m[1] + body, text, flags=re.DOTALL)


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise SeatError(f"Expected to write {path}, got: {error}. Make room, or choose another --for.") from error
