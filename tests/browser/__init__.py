"""A real browser for the tests of the console."""
