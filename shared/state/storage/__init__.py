"""Tables and queues: in Azure Storage, and in memory."""
