"""A campaign file as people write it: names are keys, and what a thing is follows from the keys it has."""
