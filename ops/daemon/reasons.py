"""Why somebody pauses, resumes or retries: a sentence that is kept for ever, so it is looked at first."""

from __future__ import annotations

MOST_REASON = 500
"""Characters of a reason."""


def unfit(reason: str) -> str:
    """Why a reason cannot be kept, in a sentence; empty if it can."""
    if not reason.strip():
        return "Expected a reason in words, got none. Say why: it is kept for ever."
    if len(reason) > MOST_REASON:
        return (
            f"Expected a reason of at most {MOST_REASON} characters, got {len(reason)}. Say it in a sentence: it is "
            "kept for ever."
        )
    if strange := sorted({f"U+{ord(c):04X}" for c in reason if not c.isprintable()}):
        return f"Expected a reason in one line of printable characters, got {', '.join(strange[:5])}. Leave them out."
    return ""
