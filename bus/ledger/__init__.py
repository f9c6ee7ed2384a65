"""The ledger: a second copy of the log as C2SP tiles, and the proofs with which a stranger checks it."""
