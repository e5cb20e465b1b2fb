"""quotes -> CDSSalesQuotationHeaders and lines."""
