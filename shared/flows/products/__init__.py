"""products <- SellableReleasedProducts."""

PRODUCTS = "products"
