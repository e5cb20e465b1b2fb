"""The queue side, in the order in which a record meets it."""
