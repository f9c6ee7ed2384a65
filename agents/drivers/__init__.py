"""Instruments over a wire: what `contracts.instruments` promises, kept by a real device."""
