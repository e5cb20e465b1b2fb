"""How requests reach a server, whatever the server is."""
