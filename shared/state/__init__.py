"""What the sync remembers, in Table Storage, and the queues that carry hints."""
