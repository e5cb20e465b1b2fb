"""What orders and invoices of F&O have in common on their way to Sales: words, what they refer to there, and how they
are written."""
