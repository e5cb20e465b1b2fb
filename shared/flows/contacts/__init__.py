"""contacts -> CDSContactPersonsV2 or CustomersV3."""
