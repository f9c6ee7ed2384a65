"""The simulated instruments as servers of their own, so that drivers are tried over a real wire."""
