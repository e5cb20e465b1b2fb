"""ordersback <- CDSSalesOrderHeaders and -Lines."""

ORDERSBACK = "ordersback"
