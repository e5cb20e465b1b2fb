"""quotes -> CDSSalesQuotationHeaders and lines."""

QUOTATIONS = "quotations"
