"""``python -m bus.ledger``: the ledger's writer as a process of its own, beside a lab and not in its way.

What happens is told on standard output, an object a line; ``{"catch_up": N}`` on standard input wants everything up
to sequence N signed. It ends when its standard input does.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from bus.errors import BusConnectionError, BusError
from bus.identities import Identity
from bus.ledger.asking import Address, Asker, connection_to
from bus.ledger.errors import LedgerError, SigningKeyError
from bus.ledger.keys import publish_verifiers, read_verifiers
from bus.ledger.note import COSIGNATURE, Verifier
from bus.ledger.stream import Stream
from bus.ledger.writer import Place, Writer
from bus.wire import Wire

UNUSABLE = 2
"""Exit code when it cannot be used as it was started."""


def tell(words: Mapping[str, Any]) -> None:
    """A line to whoever listens; when nobody does any more, there is nothing left to do."""
    try:
        sys.stdout.write(json.dumps(words) + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        os._exit(0)


def remember(ledger: Path, verifier: Verifier, *, first: bool) -> None:
    """Publishes the key of the witness in the ledger's folder.

    Args:
        ledger: the ledger's folder.
        verifier: the key.
        first: whether it may only be the first one, because nobody has vouched for it.

    Raises:
        SigningKeyError: another witness is expected.
    """
    known = read_verifiers(ledger)
    witnesses = [v for v in known if v.kind == COSIGNATURE]
    if verifier in witnesses:
        return
    if witnesses and first:
        raise SigningKeyError(
            f"Expected the witness {witnesses[-1]}, got {verifier}. If it was exchanged on purpose, give its key "
            "(--witness-key)."
        )
    if witnesses:
        tell({"said": "trouble", "reason": f"The witness {witnesses[-1].name} was replaced by {verifier.name}."})
    publish_verifiers(ledger, [*known, verifier])


async def listen(writer: Writer, ended: asyncio.Event) -> None:
    """Hears what is wanted until nobody speaks any more."""
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    async for line in reader:
        with contextlib.suppress(ValueError, KeyError, TypeError):
            writer.catch_up(int(json.loads(line)["catch_up"]))
    ended.set()


async def work(asked: argparse.Namespace) -> None:
    """Writes until nobody wants it any more."""
    place, asker = Place(asked.ledger, asked.keys), None
    if asked.witness:
        given = Verifier.parse(asked.witness_key) if asked.witness_key else None
        connection_to(asked.witness).close()  # says so now if that is no address
        address = Address(asked.witness, given)
        asker = Asker(lambda: address, partial(remember, asked.ledger, first=given is None))
    elif asked.witness_card:
        asker = Asker(lambda: Address.on(asked.witness_card), partial(remember, asked.ledger, first=False))
    identity = Identity(asked.identity.stem, asked.identity, own_inbox=True) if asked.identity else None
    ended, writers = asyncio.Event(), list[Writer]()

    def noticed(error: BusError) -> None:
        if isinstance(error, BusConnectionError):
            for writer in writers:
                writer.connected_anew()

    wire = await Wire.connect(asked.url, noticed, identity=identity)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    writer = Writer(place, Stream(wire), asker, tell)
    writers.append(writer)
    listening = asyncio.create_task(listen(writer, ended))
    writing, end = asyncio.create_task(writer.run()), asyncio.create_task(ended.wait())
    try:
        await asyncio.wait({writing, end}, return_when=asyncio.FIRST_COMPLETED)
        if writing.done():
            writing.result()
    finally:
        for task in (listening, writing, end):
            task.cancel()
        await asyncio.gather(listening, writing, end, return_exceptions=True)


def main() -> int:
    """Runs what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m bus.ledger", description=__doc__)
    parser.add_argument("--url", required=True, help="the NATS server")
    parser.add_argument("--ledger", type=Path, required=True, help="the ledger's folder")
    parser.add_argument("--keys", type=Path, required=True, help="folder of its private keys")
    parser.add_argument("--identity", type=Path, help="private key with which to read from the server")
    parser.add_argument("--witness", default="", help="address of its witness")
    parser.add_argument("--witness-card", type=Path, help="where a witness of our own leaves its address")
    parser.add_argument("--witness-key", default="", help="verifier key of the witness")
    try:
        asyncio.run(work(parser.parse_args()))
    except (LedgerError, BusError) as error:
        tell({"said": "unusable", "reason": str(error)})
        sys.stderr.write(f"{error}\n")
        return UNUSABLE
    return 0


if __name__ == "__main__":
    sys.exit(main())
