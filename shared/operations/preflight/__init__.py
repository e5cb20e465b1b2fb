"""What must be there before the first run."""
