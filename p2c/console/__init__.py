"""The operators' pages: `p2c console` serves them on loopback. They show what `shared/operations/` answers."""
