"""The package that runs in Azure: everything between the triggers and the two systems."""
