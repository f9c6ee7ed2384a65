"""What can be wrong with what a report is made of.

::

    OpsError
    └── ReportError     a folder or a log that no report can be made of
"""

from __future__ import annotations

from ops.errors import OpsError


class ReportError(OpsError):
    """No report can be made of a folder or a log."""
