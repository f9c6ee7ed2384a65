"""Benchmarks: ratios and tables beside a peer or a baseline that ran at the same time. Nothing here is a test."""
