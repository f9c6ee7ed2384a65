"""What is known of elements wherever they are: charges and electronegativities."""

from __future__ import annotations

CHARGE = {"Ca": 2, "Sr": 2, "Ba": 2, "La": 3, "Ti": 4, "Zr": 4, "Sn": 4, "Hf": 4, "Al": 3, "Sc": 3, "In": 3}
"""Oxidation states."""
ELECTRONEGATIVITY = {
    "Ca": 1.00, "Sr": 0.95, "Ba": 0.89, "La": 1.10, "Ti": 1.54, "Zr": 1.33, "Sn": 1.96, "Hf": 1.30, "Al": 1.61,
    "Sc": 1.36, "In": 1.78,
}  # fmt: skip
"""Pauling's scale."""
