"""The operators' command line. It presents what `shared/operations/` does, and is not deployed."""
