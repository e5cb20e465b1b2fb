"""Adapters to Dataverse and F&O: OData over requests, errors, throttling, credentials."""
