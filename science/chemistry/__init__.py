"""Substances: crystals, compositions, radii and the facts about known phases."""
