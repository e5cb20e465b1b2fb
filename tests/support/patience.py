"""How long a test waits for an answer: only so that what hangs does not hang for ever."""

PATIENCE_S = 600.0
