"""Candidates: designs that can be made, and only those."""
