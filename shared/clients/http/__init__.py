"""How requests reach a server of any kind."""
