"""A simulator of the Dataverse Web API: the Sales tables of a Dynamics 365 organisation."""
