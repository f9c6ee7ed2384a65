"""Families of perovskites, in which predictions err alike."""

from __future__ import annotations

from collections.abc import Mapping

from science.chemistry.elements import CHARGE

FAMILIES = {"Ti": "titanate", "Zr": "zirconate", "Sn": "stannate", "Hf": "hafnate"}


def family(a_site: Mapping[str, float], b_site: Mapping[str, float]) -> str:
    """Chemistry family: by the B cation that holds half or more of its site; ``3-3`` with trivalent A."""
    if any(CHARGE.get(e) == 3 and x > 0 for e, x in a_site.items()):
        return "3-3"
    element, share = max(b_site.items(), key=lambda item: item[1])
    return FAMILIES.get(element, "mixed") if share >= 0.5 else "mixed"
