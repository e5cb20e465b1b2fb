"""What the simulators of Dataverse and of Finance & Operations share: server, tokens, faults, records, storage."""
