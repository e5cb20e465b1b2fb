"""The whole product in one process, driven by one seed, between models of both systems.

`script.py` makes a history of a seed, `history.py` plays it, `oracle.py` judges the end of it; see docs/simulation.md.
"""
