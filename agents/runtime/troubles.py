"""Troubles of the computer under the lab, told apart from mistakes of the program: they pass, and are waited out."""

from __future__ import annotations

import builtins
import errno

from bus.errors import BusConnectionError, BusError, PublishError
from contracts.presence import TroubleKind

PATIENCE = 600.0
"""Real seconds that a trouble is waited out by one reaction."""
FIRST_PAUSE = 0.2
"""Real seconds before it is tried again; they double with each further try."""
LONGEST_PAUSE = 10.0
"""Real seconds between two tries at most, so that work goes on soon after the trouble has gone."""

PASSING = (BusError, PublishError, BusConnectionError)
"""Errors of the bus, of these very types, that are over when the broker is well again; the others tell of damage, of a
refusal or of a full log, which do not pass by themselves."""


def pause_before(attempt: int) -> float:
    """Real seconds to wait before that attempt.

    Args:
        attempt: its number, from 2.
    """
    return float(min(FIRST_PAUSE * 2.0 ** min(attempt - 2, 30), LONGEST_PAUSE))


def trouble_in(error: Exception) -> TroubleKind | None:
    """What beneath the agents is in trouble; none if the error is a mistake of the program, or does not pass."""
    if isinstance(error, ConnectionError | TimeoutError):
        return TroubleKind.INSTRUMENT
    if isinstance(error, OSError):
        return TroubleKind.DISK
    return TroubleKind.BROKER if type(error) in PASSING else None


def told_of_world(error: str) -> bool:
    """Whether an error that is on record, by its type and message, was such a trouble."""
    name = error.partition(":")[0]
    kind = getattr(builtins, name, None)
    return (isinstance(kind, type) and issubclass(kind, OSError)) or name in {kind.__name__ for kind in PASSING}


def advice(error: Exception) -> str:
    """What to do about a trouble."""
    if isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return "make room on that disk, in bytes and in files (df -h, df -i)"
    if isinstance(error, OSError) and error.errno in {errno.EMFILE, errno.ENFILE}:
        return "let the lab open more files (ulimit -n, LimitNOFILE=)"
    if isinstance(error, OSError) and error.errno in {errno.EACCES, errno.EPERM, errno.EROFS}:
        return "let the lab's user write there"
    return "look after what it names"


def same_trouble(error: Exception) -> str:
    """A name under which a trouble is told once, whichever file it met."""
    number = error.errno if isinstance(error, OSError) else None
    return f"{type(error).__name__}/{number}"
