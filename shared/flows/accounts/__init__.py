"""accounts -> CustomersV3."""
