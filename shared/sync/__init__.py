"""The engine: pull, apply, sweep, poison. It knows no entity and no wire format."""
