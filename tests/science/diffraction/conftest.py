"""No test here looks at a clock: Hypothesis would fail an example that takes 200 ms of it, as the first one does."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")
