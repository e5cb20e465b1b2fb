"""The demo: everything on this machine, 701 real accounts from Sales to F&O, then edits that arrive as one watches."""
