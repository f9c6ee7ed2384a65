"""Powder patterns: reading, calculating, refining and naming the phases in them."""
