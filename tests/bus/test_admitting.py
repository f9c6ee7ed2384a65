"""Which messages are events: by subject, source, rights and signature, at each place of a log."""

from __future__ import annotations

import os
from pathlib import Path

import nkeys
import pytest

from bus.admitting import Admission
from bus.codec import encode
from bus.errors import NewerAthanorError, RefusedEventError, RollError, UndecodableEventError
from bus.signing import Signer
from bus.subjects import subject_of
from contracts.event import Event
from contracts.presence import Speaker, SpeakersListed
from tests.contracts.examples import envelope
from tests.promises.bus_promises import decided, lost

DECIDED, LOST, ROLL = (
    subject_of("test", kind) for kind in ("review.decided", "synthesis.sample_lost", SpeakersListed.kind)
)
SAYS = {
    "console": ("presence.speakers_listed:1",),
    "desk": ("review.decided:1",),
    "robot": ("synthesis.sample_lost:1",),
}


class Keys:
    """Keys of some people, as they come to be needed."""

    def __init__(self) -> None:
        self.seeds: dict[str, bytes] = {}

    def seed(self, name: str) -> bytes:
        return self.seeds.setdefault(name, nkeys.encode_seed(os.urandom(32), nkeys.PREFIX_BYTE_USER))

    def public(self, name: str) -> str:
        return nkeys.from_seed(bytearray(self.seed(name))).public_key.decode()

    def roll(self, says: dict[str, tuple[str, ...]] = SAYS) -> SpeakersListed:
        """Everybody, each with a key."""
        return SpeakersListed(
            speakers=tuple(Speaker(name=n, public_key=self.public(n), says=said) for n, said in says.items())
        )

    def signed(self, name: str, subject: str, body: bytes) -> bytes:
        return Signer(self.seed(name).decode(), Path(name)).sign(subject, body)


def body(event: Event, source: str, n: int = 0) -> bytes:
    """What somebody says, unsigned."""
    return encode(envelope(event, n=n).model_copy(update={"source": f"/agents/{source}"}))


@pytest.fixture
def keys() -> Keys:
    return Keys()


@pytest.fixture
def admission(keys: Keys) -> Admission:
    """One that has read the first roll, at sequence 1."""
    new = Admission()
    assert new.admit(1, ROLL, keys.signed("console", ROLL, body(keys.roll(), "console"))).signed
    return new


def test_what_is_signed_by_who_may_say_it_is_taken(admission: Admission, keys: Keys) -> None:
    """An event under its subject, from somebody on the roll, with his signature, is an event."""
    admitted = admission.admit(2, DECIDED, keys.signed("desk", DECIDED, body(decided(1), "desk")))
    assert (admitted.speaker, admitted.signed, admitted.envelope.data) == ("desk", True, decided(1))


def test_nobody_speaks_for_another(admission: Admission, keys: Keys) -> None:
    """With the desk's key alone nothing passes that the desk may not say: not under its own subject, nor another's."""
    spoofs = {
        "another's kind under the desk's subject": (DECIDED, body(lost(1), "robot")),
        "another's kind under its subject": (LOST, body(lost(1), "robot")),
        "another's kind as the desk": (LOST, body(lost(1), "desk")),
        "the desk's kind as another": (DECIDED, body(decided(1), "robot")),
        "nobody on the roll": (DECIDED, body(decided(1), "stranger")),
        "no source of ours": (DECIDED, body(decided(1), "desk").replace(b"/agents/desk", b"/elsewhere/desk")),
        "another campaign's subject": ("lab.other.review.decided", body(decided(1), "desk")),
    }
    for what, (subject, said) in spoofs.items():
        with pytest.raises(RefusedEventError) as refused:
            admission.admit(7, subject, keys.signed("desk", subject, said))
        assert (refused.value.sequence, refused.value.subject) == (7, subject), what


def test_without_a_good_signature_nothing_is_taken(admission: Admission, keys: Keys) -> None:
    """Unsigned, signed for another subject, altered, or signed by a foreign key: each is refused and says so."""
    said = body(decided(1), "desk")
    good = keys.signed("desk", DECIDED, said)
    for payload in (
        said,
        keys.signed("desk", LOST, said),
        good.replace(b'"because"', b'"forged!"'),
        Keys().signed("desk", DECIDED, said),
        keys.signed("robot", DECIDED, said),
    ):
        with pytest.raises(RefusedEventError, match="signature of desk"):
            admission.admit(2, DECIDED, payload)
    assert admission.admit(2, DECIDED, good, genuine=True).signed


def test_a_roll_is_called_by_the_console_of_the_roll_before(admission: Admission, keys: Keys) -> None:
    """A new roll needs the console's old key; from its place on, and not before, it holds."""
    fewer = body(keys.roll({"console": SAYS["console"], "desk": SAYS["desk"]}), "console", n=5)
    for forged in (fewer, keys.signed("desk", ROLL, fewer), Keys().signed("console", ROLL, fewer)):
        with pytest.raises(RefusedEventError):
            admission.admit(5, ROLL, forged)
    assert admission.admit(5, ROLL, keys.signed("console", ROLL, fewer)).signed
    said = keys.signed("robot", LOST, body(lost(1), "robot"))
    assert admission.admit(4, LOST, said).signed
    with pytest.raises(RefusedEventError, match="roll at sequence 5"):
        admission.admit(6, LOST, said)


def test_a_first_roll_vouches_for_itself(keys: Keys) -> None:
    """The first roll with keys is signed by the console that it lists; one that lists no console is none."""
    roll = body(keys.roll(), "console")
    with pytest.raises(RefusedEventError, match="signature of console"):
        Admission().admit(1, ROLL, roll)
    alone = body(keys.roll({"desk": SAYS["desk"]}), "console")
    with pytest.raises(RefusedEventError, match="key of console"):
        Admission().admit(1, ROLL, keys.signed("console", ROLL, alone))


def test_a_roll_without_keys_gives_way_to_one_with_keys(keys: Keys) -> None:
    """A lab that began without keys gets them later; what it said before stays what it was: unsigned."""
    admission = Admission()
    keyless = SpeakersListed(speakers=tuple(Speaker(name=n, public_key="", says=s) for n, s in SAYS.items()))
    assert not admission.admit(1, ROLL, body(keyless, "console")).signed
    assert not admission.admit(2, DECIDED, body(decided(1), "desk")).signed
    assert admission.admit(3, ROLL, keys.signed("console", ROLL, body(keys.roll(), "console", n=3))).signed
    with pytest.raises(RefusedEventError, match="got none"):
        admission.admit(4, DECIDED, body(decided(1), "desk"))


def test_an_old_log_is_unsigned_and_not_forged() -> None:
    """Before the first roll nothing is signed; a reader who knows the lab's people holds them to their own words."""
    said = body(decided(1), "desk")
    assert not Admission().admit(1, DECIDED, said).signed
    known = Admission({"desk": {"review.decided"}, "robot": {"synthesis.sample_lost"}})
    assert not known.admit(1, DECIDED, said).signed
    with pytest.raises(RefusedEventError, match="who may say review.decided"):
        known.admit(2, DECIDED, body(decided(1), "robot"))
    with pytest.raises(RefusedEventError, match=r"under lab\.test\.review\.decided"):
        Admission().admit(3, LOST, said)


def test_only_who_may_say_so_needs_a_newer_athanor(admission: Admission, keys: Keys) -> None:
    """A version that nobody has heard of is set aside, unless the roll lists it for its speaker, or is one itself."""
    later = body(decided(1), "desk").replace(b"review.decided:1", b"review.decided:9")
    with pytest.raises(RefusedEventError, match="up to version 1"):
        admission.admit(2, DECIDED, keys.signed("desk", DECIDED, later))
    with pytest.raises(RefusedEventError):
        Admission().admit(2, DECIDED, later)
    listed = body(keys.roll({**SAYS, "desk": ("review.decided:9", "review.unheard_of:1")}), "console", n=3)
    admission.admit(3, ROLL, keys.signed("console", ROLL, listed))
    with pytest.raises(RefusedEventError, match="forged"):
        admission.admit(4, DECIDED, Keys().signed("desk", DECIDED, later))
    with pytest.raises(NewerAthanorError, match="version 9"):
        admission.admit(4, DECIDED, keys.signed("desk", DECIDED, later))
    new_kind = later.replace(b"review.decided", b"review.unheard_of").replace(b"unheard_of:9", b"unheard_of:1")
    subject = subject_of("test", "review.unheard_of")
    with pytest.raises(NewerAthanorError, match="unheard_of"):
        admission.admit(5, subject, keys.signed("desk", subject, new_kind))
    newer_roll = listed.replace(b"speakers_listed:1", b"speakers_listed:2", 1)
    with pytest.raises(RefusedEventError):
        admission.admit(6, ROLL, keys.signed("desk", ROLL, newer_roll))
    with pytest.raises(NewerAthanorError):
        admission.admit(6, ROLL, keys.signed("console", ROLL, newer_roll))


def test_garbage_is_no_event(admission: Admission) -> None:
    """Bytes that hold nothing are told apart from what speaks for somebody."""
    for garbage in (b"", b"\xff\xfe{", b"[]", b'{"type":1}', b"{" * 100_000, b'{"a":1e999}', b"null"):
        with pytest.raises(UndecodableEventError) as told:
            admission.admit(9, DECIDED, garbage)
        assert not isinstance(told.value, RefusedEventError)


def test_lost_keys_are_told_before_anything_is_said(admission: Admission, keys: Keys) -> None:
    """A lab whose console has another key than the roll's could say nothing that anybody takes: it says so itself."""
    admission.check_console("test", keys.public("console"))
    admission.check_console("another", "")
    for other in ("", Keys().public("console")):
        with pytest.raises(RollError, match=r"Put the keys of this lab back"):
            admission.check_console("test", other)
