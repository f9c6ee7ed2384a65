"""Models that predict what a sample will be, fitted to what was measured."""
