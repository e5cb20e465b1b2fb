"""contacts -> CDSContactPersonsV2 or CustomersV3."""

CONTACTS = "contacts"
