"""What tests send and get, read by Microsoft's OData library: where a program that does so is at hand, nothing of it
may be refused but what a test sends on purpose.

    EXCHANGES_DIR=DIR make test && ODATA_CHECK=PROGRAM .venv/bin/python -m tests.odata DIR
"""
