"""Asks the log: SQL over its events, the life of one sample, and files for other programs."""
