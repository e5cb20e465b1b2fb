"""Dataverse, behind Dynamics 365 Sales."""
