"""accounts -> CustomersV3."""

ACCOUNTS = "accounts"
