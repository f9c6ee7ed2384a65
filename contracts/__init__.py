"""What may be said: typed, versioned facts and the words they are made of. Does nothing."""
