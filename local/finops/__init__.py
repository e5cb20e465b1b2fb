"""A simulator of the Dynamics 365 Finance & Operations OData service."""
