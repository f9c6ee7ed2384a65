"""What nature and the lab forbid, checked before anything is ranked."""
