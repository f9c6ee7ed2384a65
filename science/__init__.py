"""What is known: pure functions and fitted models. No event, no clock, no network, no print."""
