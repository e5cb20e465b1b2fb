"""The queue side: what happens to a record, stage by stage."""
