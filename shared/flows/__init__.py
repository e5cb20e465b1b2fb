"""The flows: one folder each. Their list is in registry.py, so that a mapping can be read without the engine."""
