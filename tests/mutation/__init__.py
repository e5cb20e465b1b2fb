"""Changes the code of the product, one place at a time, to see whether a test notices: `make mutate`."""
