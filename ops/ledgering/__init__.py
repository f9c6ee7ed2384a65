"""`athanor ledger …`: what a stranger needs to check a log, and what its owner needs to keep and mend it."""
