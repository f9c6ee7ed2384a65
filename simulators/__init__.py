"""The world when there is no world: a hidden truth, and instruments over that truth."""
