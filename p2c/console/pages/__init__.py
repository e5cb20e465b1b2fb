"""The pages, one module a subject; each has a table of its addresses, `PAGES` or `ACTS`."""
