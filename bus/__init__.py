"""How a fact travels and is kept. The only home of NATS."""
