"""What a person can do wrong at the console.

::

    OpsError
    ├── CampaignFileError     a campaign file that cannot be used
    ├── ResumeError           a folder that holds something else
    ├── StalledError          the lab came to rest without reaching its end
    ├── NoDaemonError         no daemon runs where one is wanted
    ├── NotYetError           a daemon runs, and cannot do now what it is asked
    ├── NoSuchAgentError      nobody of that name is at work here
    ├── PortTakenError        another program has the port
    ├── NoLedgerError         no ledger is where one is wanted, or something else than what goes with it
    ├── SeatError             a seat for an agent that cannot be made or used
    ├── EvidenceError         the log is not what was signed, or nothing can be signed
    └── NoRoomError           the disk is nearly full
"""

from __future__ import annotations


class OpsError(Exception):
    """The root of everything that `ops` raises; its message is one paragraph for people."""


class CampaignFileError(OpsError):
    """A campaign file cannot be used."""


class ResumeError(OpsError):
    """A folder or a log holds something else than what is asked for."""


class StalledError(OpsError):
    """The lab came to rest without reaching its end."""


class NoDaemonError(OpsError):
    """No daemon runs where one is wanted."""


class NotYetError(OpsError):
    """A daemon runs, and cannot do now what it is asked."""


class NoSuchAgentError(OpsError):
    """Nobody of that name is at work here."""


class SeatError(OpsError):
    """A seat for an agent cannot be made or used as it is asked for."""


class PortTakenError(OpsError):
    """Another program has the port."""


class NoLedgerError(OpsError):
    """No ledger is where one is wanted, or what was given beside it does not go with it."""


class NoRoomError(OpsError):
    """The disk is nearly full."""


class EvidenceError(OpsError):
    """The log is not what was signed, or nothing can be signed."""
