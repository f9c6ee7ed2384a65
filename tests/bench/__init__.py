"""Benchmarks: ratios and tables beside a peer or a baseline that ran at the same time. Nothing here is a test."""

import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(_name, "1")  # before numpy is imported: threads that fight over cores spoil every timing
