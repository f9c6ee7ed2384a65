"""Who acts: one agent a file, each a name, a memory and reactions."""
