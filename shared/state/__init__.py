"""What the sync stores in Table Storage, and the queues that carry hints."""
