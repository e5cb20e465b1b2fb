"""products <- SellableReleasedProducts."""
