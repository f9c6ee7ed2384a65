"""The hidden truth: what becomes of a mixture in a furnace. Agents never see it, only what instruments show."""
