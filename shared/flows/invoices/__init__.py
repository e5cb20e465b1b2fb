"""invoices <- ExternallyMaintainedCustomerSalesInvoiceHeaders with their lines."""

INVOICES = "invoices"
