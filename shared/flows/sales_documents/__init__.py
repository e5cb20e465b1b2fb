"""What quotations and orders have in common: discounts, the numbers of lines, filters, and how a document is read and
written."""
