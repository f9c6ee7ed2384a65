"""How the laboratory is run: the command, the wiring, the clock and the campaigns."""
