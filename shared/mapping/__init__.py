"""What maps to what. Pure: no I/O, no clock, no knowledge of the engine."""
