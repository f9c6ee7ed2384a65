"""The folder of a lab as it lies there after some work: a signed log, its ledger, a witness, and artefacts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from bus.blobs import BlobStore
from bus.codec import encode
from bus.identities import KeyFolder
from bus.ledger.entry import encode_entry
from bus.ledger.keys import KEYS, LEDGER, open_ring, publish_verifiers, read_verifiers
from bus.ledger.note import Note
from bus.ledger.tiles import TileStore
from bus.ledger.witness import witness_key
from bus.subjects import subject_of
from contracts.diffraction import PatternMeasured
from contracts.envelope import Envelope
from contracts.event import Event
from contracts.presence import AgentStopped, Speaker, SpeakersListed
from tests.bus.ledger.growing import BEGIN, CAMPAIGN, envelope, grow

UNSIGNED, COUNT = 20, 600
"""Events before the first roll, and all of them."""
SAYS = {
    "console": ("presence.speakers_listed:1",),
    "planner": ("presence.agent_stopped:1",),
    "xrd_analyser": ("presence.agent_stopped:1", "diffraction.pattern_measured:1"),
}


@dataclass(frozen=True)
class Lab:
    """A lab at rest."""

    run: Path

    @property
    def store(self) -> TileStore:
        """Its ledger."""
        return TileStore(self.run / LEDGER)

    @property
    def ledger(self) -> Path:
        """The ledger's folder."""
        return self.run / LEDGER

    @property
    def blobs(self) -> Path:
        """Its artefacts."""
        return self.run / "blobs"

    def said(self, n: int, fact: Event, speaker: str, by: str = "") -> tuple[int, str, str, int, bytes]:
        """The n-th message, from 0: what somebody says, signed by himself, by somebody else, or (``-``) by nobody."""
        told = envelope(n, fact).model_copy(update={"source": f"/agents/{speaker}"})
        return self.message(n, told, by or speaker)

    def message(self, n: int, told: Envelope, by: str) -> tuple[int, str, str, int, bytes]:
        """The same of a whole envelope."""
        subject, body = subject_of(told.campaign, told.type), encode(told)
        payload = body if by == "-" else self.keys.identity(by).signer().sign(subject, body)
        return n + 1, subject, str(told.id), int((BEGIN + timedelta(seconds=n)).timestamp()) * 10**9, payload

    @property
    def keys(self) -> KeyFolder:
        """The keys of its people."""
        return KeyFolder(self.run / "keys")

    def entries(self, count: int = COUNT) -> list[bytes]:
        """Its log."""
        lists = SpeakersListed(
            speakers=tuple(Speaker(name=n, public_key=self.keys.public(n), says=kinds) for n, kinds in SAYS.items())
        )
        entries = []
        for n in range(count):
            stopped, speaker = AgentStopped(agent="planner", start=n + 1, reason="a test"), "planner"
            if n == UNSIGNED:
                message = self.said(n, lists, "console")
            elif n % 100 == 50:
                message = self.said(n, self.pattern(n), "xrd_analyser")
            else:
                message = self.said(n, stopped, speaker, by="-" if n < UNSIGNED else "")
            entries.append(encode_entry(*message))
        return entries

    def pattern(self, n: int) -> PatternMeasured:
        """A pattern that was measured, and lies among the artefacts."""
        content = f"scan {n}\n".encode() * 300
        at = BEGIN + timedelta(seconds=n)
        return PatternMeasured.model_validate(
            {
                "measurement_id": f"m-{n}", "sample_id": f"s-{n}", "instrument": "xrd-1",
                "pattern": BlobStore(self.blobs).put(content, "text/plain", f"s-{n}.xy"),
                "radiation": {"k_alpha1": 1.540593}, "started_at": at, "ended_at": at + timedelta(hours=1),
                "asked": True,
            }
        )  # fmt: skip

    def sign(self, entries: list[bytes]) -> None:
        """Writes and signs a ledger of these entries, and has it witnessed."""
        grow(self.store, open_ring(self.run / KEYS, self.ledger), entries)
        self.cosign()

    def cosign(self) -> None:
        """Has the checkpoint cosigned by the witness beside the lab, which remembers it."""
        witness, note = witness_key(self.run / "keys" / "witness" / "key"), Note.parse(self.store.read_checkpoint())
        known = read_verifiers(self.ledger)
        if witness.verifier not in known:
            publish_verifiers(self.ledger, [*known, witness.verifier])
        cosigned = note.with_signatures([witness.sign(note.text, time=1_700_000_000)]).encode()
        self.store.write_checkpoint(cosigned)
        kept = self.run / "witness" / "log" / "checkpoint"
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_bytes(cosigned)


def made(run: Path, count: int = COUNT) -> Lab:
    """A lab that has worked."""
    lab = Lab(run)
    lab.keys.make(*SAYS)
    lab.sign(lab.entries(count))
    return lab


__all__ = ["CAMPAIGN", "COUNT", "UNSIGNED", "Lab", "made"]
