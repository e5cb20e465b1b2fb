"""salesorders -> CDSSalesOrderHeaders and lines."""

ORDERS = "orders"
