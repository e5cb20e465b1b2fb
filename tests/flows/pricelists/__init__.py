"""pricelists -> CustomerGroups."""

PRICELISTS = "pricelists"
