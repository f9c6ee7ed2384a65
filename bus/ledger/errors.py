"""What can be wrong with a ledger.

::

    BusError
    └── LedgerError
        ├── EntryError              bytes that are no entry
        │   └── FutureEntryError    an entry written by a newer Athanor
        ├── TileError               a file of the ledger
        │   ├── TileMissingError    is not there
        │   ├── TileDamagedError    is not what it must be
        │   └── TileConflictError   is published and would change
        ├── NoteError               text that is no signed note
        │   └── SignatureError      nobody trusted has signed it, or a signature is wrong
        ├── RootError               tiles that do not lead to the signed root
        ├── ProofError              bytes that are no proof, or a proof that proves nothing
        ├── SigningKeyError         a key that cannot be used
        ├── RepairError             the log cannot be restored from this ledger
        └── ParcelError             an exported ledger that cannot be used
"""

from __future__ import annotations

from bus.errors import BusError


class LedgerError(BusError):
    """The root of everything that `bus.ledger` raises."""


class EntryError(LedgerError):
    """Bytes that are no entry."""


class FutureEntryError(EntryError):
    """An entry that a newer Athanor has written.

    Attributes:
        form: the entry's form byte.
    """

    def __init__(self, form: int, known: int) -> None:
        self.form = form
        super().__init__(
            f"Expected an entry of form {known}, got form {form}: it was written by a newer Athanor. Read it with that "
            "version or a later one; nothing was changed."
        )


class TileError(LedgerError):
    """Something is wrong with a file of the ledger.

    Attributes:
        path: the file, relative to the ledger's folder.
    """

    def __init__(self, path: str, message: str) -> None:
        self.path = path
        super().__init__(message)


class TileMissingError(TileError):
    """A file of the ledger is not there."""

    def __init__(self, path: str) -> None:
        super().__init__(
            path, f"Expected the file {path} of the ledger, got nothing there. Restore it from a copy of the ledger."
        )


class TileDamagedError(TileError):
    """A file of the ledger is not what it must be."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(
            path, f"Expected {path} of the ledger to be whole, got {reason}. Restore it from a copy of the ledger."
        )


class TileConflictError(TileError):
    """A published file of the ledger would change."""

    def __init__(self, path: str) -> None:
        super().__init__(
            path,
            f"Expected {path} of the ledger to stay as it was published, got other content for it. Nothing was "
            "written: verify the ledger before anything is added to it.",
        )


class NoteError(LedgerError):
    """Text that is no signed note."""


class SignatureError(NoteError):
    """Nobody who is trusted has signed a note, or a signature is wrong."""


class RootError(LedgerError):
    """The tiles of a ledger do not lead to the root that was signed."""


class ProofError(LedgerError):
    """Bytes that are no proof, or a proof that proves nothing."""


class SigningKeyError(LedgerError):
    """A key that cannot be used."""


class RepairError(LedgerError):
    """The log cannot be restored from this ledger."""


class ParcelError(LedgerError):
    """An exported ledger that cannot be used."""
