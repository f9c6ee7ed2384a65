"""How far a prediction is believed, and when not at all."""
