"""One reader a family of formats, and the one place in which what they read becomes a pattern."""
