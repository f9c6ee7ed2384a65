"""Kills of everything at random moments, and what is left of the campaigns afterwards."""
