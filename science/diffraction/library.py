"""The phases that a pattern is compared with: CIF folders, our own format, or the shipped facts.

Lines are calculated when a phase is first needed and kept for the process; files that cannot be read are
listed in `skipped`, never dropped in silence.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from science.crystals.cif import read_cif
from science.crystals.crystal import Crystal
from science.crystals.errors import StructureError
from science.crystals.phase_facts import load_phase_facts
from science.diffraction.built import SUFFIX, Built, from_file
from science.diffraction.errors import LibraryError
from science.diffraction.sticks import Sticks, calculate


@dataclass
class PhaseLibrary:
    """Crystals, a digest over all of them, and the files that could not be read."""

    crystals: tuple[Crystal, ...]
    sha256: str
    skipped: tuple[str, ...] = ()
    made: dict[tuple[Crystal, float], tuple[float, Sticks]] = field(default_factory=dict, repr=False)
    _sticks: dict[tuple[Crystal, float, float], Sticks] = field(default_factory=dict, repr=False)

    @classmethod
    def shipped(cls) -> PhaseLibrary:
        """The library that comes with Athanor."""
        return cls.of(fact.crystal for fact in load_phase_facts())

    @classmethod
    def of(cls, crystals: Iterable[Crystal], skipped: tuple[str, ...] = ()) -> PhaseLibrary:
        """A library of these crystals."""
        kept = tuple(crystals)
        digest = hashlib.sha256()
        for crystal in kept:
            digest.update(repr((crystal.name, crystal.written_group, *crystal.lattice.parameters)).encode())
            digest.update(" ".join(s.element for s in crystal.sites).encode())
            numbers = [(s.x, s.y, s.z, s.occupancy, s.b_iso) for s in crystal.sites]
            digest.update(np.array(numbers, "<f8").tobytes())
        return cls(kept, digest.hexdigest(), skipped)

    @classmethod
    def load(cls, path: Path) -> PhaseLibrary:
        """A folder of CIF and TOML files, one such file, or a library that was built of them.

        Raises:
            LibraryError: there is nothing usable at `path`.
        """
        if not path.exists():
            raise LibraryError(f"Expected a folder of CIF files or a phase library at {path}, got nothing there.")
        if path.suffix.lower() == SUFFIX:
            return cls.built(from_file(path), path)
        files = sorted(p for p in path.rglob("*") if p.suffix.lower() in (".cif", ".toml")) if path.is_dir() else [path]
        crystals: list[Crystal] = []
        skipped: list[str] = []
        for file in files:
            try:
                if file.suffix.lower() == ".toml":
                    crystals += [fact.crystal for fact in load_phase_facts(file)]
                else:
                    crystals.append(read_cif(file))
            except StructureError as error:
                skipped.append(f"{file.name}: {error}")
        if not crystals:
            raise LibraryError(
                f"Expected CIF files or a phase library at {path}, got none that can be read "
                f"({len(skipped)} of {len(files)} files were broken)."
            )
        return cls.of(crystals, tuple(skipped))

    @classmethod
    def built(cls, known: Built, path: Path | None = None) -> PhaseLibrary:
        """A library whose lines are calculated already.

        Raises:
            LibraryError: the crystals are not those that its digest is of.
        """
        library = cls.of(known.crystals, known.skipped)
        if library.sha256 != known.sha256:
            raise LibraryError(
                f"Expected crystals with the digest {known.sha256[:12]} in {path}, got {library.sha256[:12]}: the file "
                "was changed. Build it again."
            )
        wavelength = round(known.wavelength, 5)
        for crystal, lines in zip(known.crystals, known.sticks, strict=True):
            library.made[crystal, wavelength] = (known.d_min, lines)
        return library

    def within(self, elements: Collection[str]) -> tuple[Crystal, ...]:
        """Phases made of these elements only."""
        allowed = frozenset(elements)
        return tuple(c for c in self.crystals if c.elements <= allowed)

    def sticks(self, crystal: Crystal, wavelength: float, d_min: float) -> Sticks:
        """The lines of one of its phases, calculated once."""
        key = (crystal, round(wavelength, 5), round(d_min, 3))
        if key not in self._sticks:
            least, lines = self.made.get(key[:2], (np.inf, None))
            if lines is not None and least <= d_min + 1e-3:
                seen = lines.q <= 1 / d_min**2
                self._sticks[key] = Sticks(lines.hkl[seen], lines.q[seen], lines.strength[seen])
            else:
                self._sticks[key] = calculate(crystal, wavelength, d_min=d_min)
        return self._sticks[key]
