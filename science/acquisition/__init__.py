"""Which candidates are worth a furnace run."""
