"""Measures the sync on this machine, with everything real but the two systems."""
