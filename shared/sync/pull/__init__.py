"""The timer side: which records have changed."""
