"""Checkpoints: what a log says of itself, and who has signed it."""

from __future__ import annotations

import pytest

from bus.ledger.checkpoint import Checkpoint, open_checkpoint
from bus.ledger.errors import NoteError, SignatureError
from bus.ledger.note import COSIGNATURE, Signer

ROOT = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I="
TEXT = f"example.com/behind-the-sofa\n20852163\n{ROOT}\n"


def test_the_example_of_the_specification_is_read() -> None:
    """The published checkpoint reads as origin, size and root, and is written as it was read."""
    checkpoint = Checkpoint.parse(TEXT)
    assert (checkpoint.origin, checkpoint.size) == ("example.com/behind-the-sofa", 20852163)
    assert checkpoint.root.hex() == "0ac5186a91863e8e1d90c808014aa89bf5da8e3ee1d9f07630f0378f68f1ab62"
    assert checkpoint.text == TEXT
    assert Checkpoint.parse(TEXT + "an extension\n") == checkpoint


@pytest.mark.parametrize(
    "text",
    [
        "",
        "origin\n1\n",
        f"origin\n01\n{ROOT}\n",
        f"origin\n-1\n{ROOT}\n",
        f"origin\n١\n{ROOT}\n",
        f"origin\n{1 << 63}\n{ROOT}\n",
        f"origin\n{'9' * 5000}\n{ROOT}\n",
        f"\n1\n{ROOT}\n",
        f"origin\n1\n{ROOT[:-4]}\n",
        "origin\n1\nAAAA\n",
        f"origin\n1\n{ROOT}\n\n",
    ],
)
def test_what_is_no_checkpoint_is_refused(text: str) -> None:
    """Sizes and roots have one spelling; everything else is refused."""
    with pytest.raises(NoteError):
        Checkpoint.parse(text)


def test_a_checkpoint_opens_with_the_keys_of_log_and_witness() -> None:
    """An opened checkpoint tells which trusted keys have signed, and since when a witness vouches for it."""
    log, witness, stranger = Signer.generate("log"), Signer.generate("w", COSIGNATURE), Signer.generate("log")
    note = Checkpoint("log", 3, bytes(32)).signed([log, stranger])
    cosigned = note.with_signatures([witness.sign(note.text, time=77)])
    opened = open_checkpoint(cosigned.encode(), [log.verifier, witness.verifier])
    assert opened.checkpoint == Checkpoint("log", 3, bytes(32))
    assert opened.signers == (log.verifier,)
    assert opened.witnesses == ((witness.verifier, 77),)


def test_a_witness_alone_does_not_speak_for_the_log() -> None:
    """A checkpoint without a trusted key of the log is refused, whoever else has signed it; the message names both."""
    log, witness = Signer.generate("log"), Signer.generate("w", COSIGNATURE)
    note = Checkpoint("log", 3, bytes(32)).signed([log])
    cosigned = note.with_signatures([witness.sign(note.text, time=77)])
    other = Signer.generate("log")
    with pytest.raises(SignatureError, match=other.verifier.key_id.hex()) as refused:
        open_checkpoint(cosigned.encode(), [other.verifier, witness.verifier])
    assert log.verifier.key_id.hex() in str(refused.value)
    with pytest.raises(SignatureError, match="nobody"):
        open_checkpoint(cosigned.encode(), [])
