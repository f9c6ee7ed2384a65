"""Checks a ledger offline: its entries, tiles, root and signatures agree, and its events make sense.

Everything streams by, bundle after bundle: memory grows by some twenty bytes an event. Bad content is a finding and
never an exception, and nothing is written.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bus.ledger.artefacts import look_at_artefacts
from bus.ledger.book import SIGNED
from bus.ledger.checkpoint import Checkpoint, open_checkpoint
from bus.ledger.crew import Crew, Progress
from bus.ledger.errors import LedgerError, NoteError, SignatureError, SigningKeyError, TileDamagedError
from bus.ledger.events import Events
from bus.ledger.files import read_regular
from bus.ledger.findings import DAMAGE, Findings, Kind, Verdict, in_order
from bus.ledger.keys import hand_overs, read_verifiers, trusted_by
from bus.ledger.note import COSIGNATURE, ED25519, MAX_NOTE, Note, Verifier
from bus.ledger.strays import look_at_files, look_for_strays
from bus.ledger.sweep import Sweep
from bus.ledger.tiles import TileStore


@dataclass(frozen=True, slots=True)
class Seen:
    """A checkpoint that somebody has kept: a reader, or a witness."""

    who: str
    """Who, for the message."""
    content: bytes
    """The signed note."""
    unread: str = ""
    """Why it could not be read, if it could not."""


@dataclass(frozen=True, slots=True)
class Trust:
    """What the reader brings along."""

    keys: tuple[Verifier, ...] = ()
    """Keys of the log; those that it publishes itself if there are none here."""
    witnesses: tuple[Verifier, ...] = ()
    """Witnesses that must have cosigned."""
    seen: tuple[Seen, ...] = ()
    """Checkpoints that the ledger must continue."""
    witness_of_log: bool = False
    """Whether, where there are none of the reader's own, the one must have cosigned that the log says it asks."""


@dataclass(frozen=True, slots=True)
class Means:
    """How a ledger is looked at."""

    read_events: bool = True
    """Whether to look into the events too, and not only at hashes."""
    artefacts: Path | None = None
    """Folder of the artefacts that the events name; they are not looked at without it."""
    processes: int = 1
    """How many look at once."""
    progress: Progress = lambda _, __: None
    """Told how many entries have been looked at, and of how many."""


def verify(
    folder: Path, trust: Trust | None = None, means: Means | None = None, *, read_events: bool = True
) -> Verdict:
    """Checks a ledger.

    Args:
        folder: the ledger's folder, with ``checkpoint`` and ``tile`` inside.
        trust: what the reader trusts and has seen.
        means: how it is looked at.
        read_events: whether to look into the events too, where nothing else is said of the means.

    Raises:
        TileMissingError: there is no ledger at all.
        SigningKeyError: no keys were given, and the ledger publishes none.
    """
    trust, store, findings = trust or Trust(), TileStore(folder), Findings()
    means = means or Means(read_events=read_events)
    try:
        content = store.read_checkpoint()
    except TileDamagedError as error:
        findings.add(None, Kind.CHECKPOINT, str(error))
        return Verdict("", 0, b"", in_order(findings.problems))
    known = _known(folder, trust, findings)
    checkpoint, signers, witnesses = _open(content, known, _demanded(trust, known), findings)
    if checkpoint is None:
        return Verdict("", 0, b"", in_order(findings.problems))
    seen = _kept(trust, known, checkpoint, findings)
    if (signed := _signed(folder, known, findings)) is not None:
        published = ("whoever reads its checkpoint", checkpoint)
        if signed.size > checkpoint.size:  # killed between signing and publishing
            seen, checkpoint = [*seen, published], signed
        else:
            seen.append(("its own writer", signed))
    there = checkpoint.size if signers else min(checkpoint.size, store.extent())
    events = Events(findings) if means.read_events else None
    sweep = Sweep(store, there, findings, events)
    with Crew(folder, means.processes, read_events=means.read_events, progress=means.progress) as crew:
        sweep.run({kept.size for _, kept in seen}, crew)
    good, contradicted = _compare_kept(seen, sweep, checkpoint)
    sweep.judge(checkpoint, good, blameless=not signers)
    if contradicted is not None and (sweep.reproduces(checkpoint) or not findings.any(*DAMAGE)):
        findings.add(good, Kind.SPLIT, contradicted)
    look_for_strays(folder, there, findings)
    checked = 0
    if events is not None:
        checked = _look_at_artefacts(means.artefacts, events, findings)
    return Verdict(
        checkpoint.origin,
        checkpoint.size,
        checkpoint.root,
        in_order(findings.problems),
        findings.untold,
        tuple(map(str, signers)),
        tuple((str(v), time) for v, time in witnesses),
        said=_speakers(events.said) if events is not None else (),
        artefacts=checked,
        notes=tuple(findings.notes),
    )


def _demanded(trust: Trust, known: Sequence[Verifier]) -> tuple[Verifier, ...]:
    """The witnesses that must have cosigned: the reader's own, or the one that the log asks now."""
    if trust.witnesses or not trust.witness_of_log:
        return trust.witnesses
    return tuple(v for v in known if v.kind == COSIGNATURE)[-1:]


def _look_at_artefacts(folder: Path | None, events: Events, findings: Findings) -> int:
    """Compares the artefacts with what the events say of them; how many were."""
    if not events.artefacts and folder is None:
        return 0
    if folder is None:
        findings.notes.append(
            f"{len(events.artefacts)} artefacts that the events name were not looked at: they are not beside this "
            "ledger. Ask for a copy with them (athanor ledger export)."
        )
        return 0
    return look_at_artefacts(folder, events.artefacts, findings)


def _speakers(said: Counter[tuple[str, bool]]) -> tuple[tuple[str, int, int], ...]:
    """Speakers in order, each with his signed and unsigned events."""
    return tuple((name, said[name, True], said[name, False]) for name in sorted({name for name, _ in said}))


def fsck(folder: Path, trust: Trust | None = None) -> Verdict:
    """Makes all tiles anew from the entries and compares; looks at every file, and into no event.

    Args:
        folder: the ledger's folder.
        trust: what the reader trusts and has seen.

    Raises:
        TileMissingError: there is no ledger at all.
        SigningKeyError: no keys were given, and the ledger publishes none.
    """
    verdict = verify(folder, trust, read_events=False)
    if verdict.problems:
        return verdict
    findings = Findings()
    look_at_files(folder, verdict.size, findings)
    return replace(verdict, problems=in_order(findings.problems), untold=findings.untold)


def _known(folder: Path, trust: Trust, findings: Findings) -> list[Verifier]:
    """Keys that the reader trusts, and those to which they lead; the ledger's own where the reader has none."""
    try:
        own = read_verifiers(folder)
    except SigningKeyError:
        if not trust.keys:
            raise
        own = ()
    known = [*(trust.keys or [v for v in own if v.kind == ED25519])]
    try:
        known = [*trusted_by(folder, known)]
        for _, key in hand_overs(folder) if not trust.keys else ():
            if key not in known:
                findings.add(None, Kind.SIGNATURE, f"Expected the key before to vouch for {key}, got nobody who does.")
    except LedgerError as error:
        findings.add(None, Kind.SIGNATURE, f"{error} It was found among the hand-overs of keys.")
    return [*known, *(trust.witnesses or [v for v in own if v.kind == COSIGNATURE])]


def _signed(folder: Path, known: Sequence[Verifier], findings: Findings) -> Checkpoint | None:
    """What the writer has signed last, published or not; none in a ledger that was handed over."""
    try:
        return open_checkpoint(read_regular(folder / SIGNED, MAX_NOTE), known).checkpoint
    except FileNotFoundError:
        return None
    except (NoteError, OSError) as error:
        findings.add(None, Kind.CHECKPOINT, f"The writer's own note of its last signature cannot be used. {error}")
        return None


def _open(
    content: bytes, known: Sequence[Verifier], demanded: Sequence[Verifier], findings: Findings
) -> tuple[Checkpoint | None, tuple[Verifier, ...], tuple[tuple[Verifier, int], ...]]:
    """The checkpoint, even when nobody trusted has signed it, and who has."""
    try:
        opened = open_checkpoint(content, known)
    except SignatureError as error:
        findings.add(None, Kind.SIGNATURE, str(error))
        return Checkpoint.parse(Note.parse(content).text), (), ()
    except NoteError as error:
        findings.add(None, Kind.CHECKPOINT, str(error))
        return None, (), ()
    cosigned = {verifier for verifier, _ in opened.witnesses}
    for witness in demanded:
        if witness not in cosigned:
            findings.add(
                None,
                Kind.COSIGNATURE,
                f"Expected the checkpoint of size {opened.checkpoint.size} to be cosigned by {witness.name}, got none: "
                "the witness was away when it was signed, or its word was taken off. Start the lab with its witness "
                "once more: it cosigns what continues what it has seen.",
            )
    return opened.checkpoint, opened.signers, opened.witnesses


def _kept(
    trust: Trust, known: Sequence[Verifier], told: Checkpoint, findings: Findings
) -> list[tuple[str, Checkpoint]]:
    """Checkpoints that somebody has kept; those that the ledger cannot continue are findings."""
    kept = []
    for seen in trust.seen:
        if seen.unread:
            findings.add(None, Kind.FOREIGN, f"The checkpoint kept by {seen.who} cannot be read: {seen.unread}.")
            continue
        try:
            checkpoint = open_checkpoint(seen.content, known).checkpoint
        except NoteError as error:
            findings.add(None, Kind.FOREIGN, f"The checkpoint kept by {seen.who} cannot be used. {error}")
            continue
        if checkpoint.origin != told.origin:
            findings.add(
                None, Kind.FOREIGN, f"Expected {checkpoint.origin}, as {seen.who} knows it, got {told.origin}."
            )
        elif checkpoint.size > told.size:
            findings.add(
                told.size,
                Kind.ROLLBACK,
                f"Expected at least the {checkpoint.size} entries that {seen.who} has seen, got {told.size}: the "
                "ledger was put back to an older state.",
            )
        else:
            kept.append((seen.who, checkpoint))
    return kept


def _compare_kept(seen: list[tuple[str, Checkpoint]], sweep: Sweep, told: Checkpoint) -> tuple[int, str | None]:
    """Compares the roots that were kept; how many entries are shown to be as they were, and what contradicts the next.

    Where the tiles have the signed root and the entries do not, an entry was altered, and its stored hash is compared.
    """
    roots, good = dict(sweep.roots), 0
    if sweep.tiles_right(told):
        roots |= sweep.roots_of_tiles
    for who, kept in sorted(seen, key=lambda pair: pair[1].size):
        if roots.get(kept.size) != kept.root:
            return good, (
                f"Expected a ledger that begins with the {kept.size} entries that {who} has seen, got another past: an "
                f"entry from index {good} to {kept.size - 1} is not the one of then."
            )
        good = max(good, kept.size)
    return good, None
