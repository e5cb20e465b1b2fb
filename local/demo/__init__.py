"""The demo: everything on this computer, 701 real accounts to F&O, 504 products to Sales, then edits."""
