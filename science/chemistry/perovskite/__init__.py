"""Oxide perovskites ABO3: the one room that knows what they are."""
