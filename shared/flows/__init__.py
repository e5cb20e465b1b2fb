"""The flows: one folder each."""
