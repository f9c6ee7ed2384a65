"""Crystals: structures, where they are read from, formulas, and the facts about known phases."""
