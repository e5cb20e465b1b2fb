"""A flow beyond those of the product, which proves that its folder is all that a flow needs."""
