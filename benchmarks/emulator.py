"""How the benchmarks run the storage emulator."""

from pathlib import Path

BY_KEYS = ("--import", Path(__file__).with_name("keyed.mjs").as_uri())
"""Arguments of node with which Azurite finds rows by their keys, as Azure Table Storage does."""
