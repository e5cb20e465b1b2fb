"""What is particular to the lines of sales quotations: what they take over, and what they amount to."""

from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal, localcontext

from local.finops import quotations, storage
from local.finops.schema import Kind, load_schema
from local.finops.values import Stored, exact

SET_NAME = "CDSSalesQuotationLines"
NUMBER = "LineCreationSequenceNumber"
AMOUNT, TOTAL = "LineAmount", "QuotationTotalAmount"
SITE, WAREHOUSE = "ShippingSiteId", "ShippingWarehouseId"

# A number has so many decimals in the database type, an amount so many by the usual rounding rule of a currency.
STORED_DECIMALS = 6

_OF = load_schema().entities[SET_NAME]
_DECIMALS = frozenset(name for name, property_ in _OF.properties.items() if property_.kind is Kind.DECIMAL)
# More than two factors of the most digits that a value may have.
_PRECISION = 200

_ADDRESS = (
    *("DeliveryAddressStreet", "DeliveryAddressStreetNumber", "DeliveryAddressCity", "DeliveryAddressCountyId"),
    *("DeliveryAddressStateId", "DeliveryAddressZipCode", "DeliveryAddressPostBox", "DeliveryAddressDistrictName"),
    *("DeliveryAddressCountryRegionId", "DeliveryAddressCountryRegionISOCode", "DeliveryAddressDescription"),
    "DeliveryBuildingCompliment",
)

Row = Mapping[str, Stored]


def refusal(name: str, value: str) -> str | None:
    """Why a given value is impossible, None if it is not."""
    match name:
        case "ShippingSiteId":
            return storage.site_refusal(value)
        case "ShippingWarehouseId":
            return storage.warehouse_refusal(value)
    return None


def normalised(name: str, value: Stored) -> Stored:
    """The form in which the service keeps a value: numbers to the last decimal of the database type."""
    if name in _DECIMALS and value is not None:
        return _rounded(name, Decimal(value), STORED_DECIMALS)
    return value


def from_quotation(header: Row) -> Row:
    """What a new line takes over from its quotation."""
    return {
        **{name: header[name] for name in _ADDRESS},
        "DeliveryAddressName": header["DeliveryAddressName"],
        "CurrencyCode": header["CurrencyCode"],
        "SalesQuotationStatus": header["SalesQuotationStatus"],
        "RequestedShippingDate": header["RequestedShippingDate"],
        "RequestedReceiptDate": header["ReceiptDateRequested"],
        "DeliveryModeCode": header["DeliveryModeCode"],
        "DeliveryTermsId": header["DeliveryTermsCode"],
        SITE: header[quotations.SITE],
        WAREHOUSE: header[quotations.WAREHOUSE],
    }


def from_product(product: Row) -> Row:
    """What a new line takes over from its product."""
    return {
        "ProductName": product["ProductName"],
        "SalesUnitSymbol": product["SalesUnitSymbol"],
        "SalesPrice": product["SalesPrice"],
    }


def product_refusal(product: Row) -> str | None:
    """Why a product cannot be quoted, None if it can. The texts are known for purchases, here they are inferred."""
    if product["IsSalesStopped"] == "Yes":
        return f"Item '{product['ProductNumber']}' is blocked for 'Sales order'."
    return None


def product_complaints(row: Row, product: Row) -> tuple[str, ...]:
    """What the line of a product lacks: the site, if the product is kept in stock."""
    stocked = product["ProductType"] == "Item" and product["IsStockedProduct"] == "Yes"
    if not stocked or row[SITE]:
        return ()
    return ("Inventory dimension Site is mandatory and must consequently be specified.", "Update has been canceled.")


def derived(row: Row, given: frozenset[str]) -> Row:
    """A new line: a price is per one piece unless it is said to be otherwise, an address is taken over as a whole."""
    filled: dict[str, Stored] = dict(row)
    if "SalesPriceQuantity" not in given:
        filled["SalesPriceQuantity"] = "1"
    if given.intersection(_ADDRESS):
        filled |= {name: "" for name in _ADDRESS if name not in given}
    return storage.completed(filled, given, SITE, WAREHOUSE)


def computed(row: Row) -> Row:
    """The row with its amount. That a given amount is replaced is our decision, and so is the place of percentages."""
    with localcontext(prec=_PRECISION):
        price = _number(row, "SalesPrice") / (_number(row, "SalesPriceQuantity") or Decimal(1))
        price -= _number(row, "LineDiscountAmount") + _number(row, "MultilineDiscountAmount")
        for name in ("LineDiscountPercentage", "MultilineDiscountPercentage"):
            price *= 1 - _number(row, name) / 100
        amount = _number(row, "RequestedSalesQuantity") * price + _number(row, "FixedPriceCharges")
        return {**row, AMOUNT: _rounded(AMOUNT, amount, STORED_DECIMALS)}


def in_currency(row: Row, decimals: int) -> Row:
    """The row with its amount in the decimals that the company's currencies have."""
    return {**row, AMOUNT: _rounded(AMOUNT, _number(row, AMOUNT), decimals)}


def complaints(row: Row) -> tuple[str, ...]:
    """What a line lacks."""
    needed = {"ProductNumber": "Product number", "SalesUnitSymbol": "Unit"}
    lacking = tuple(f"Field '{label}' must be filled in." for name, label in needed.items() if not row[name])
    return lacking + storage.complaints(row, SITE, WAREHOUSE)


def _number(row: Row, name: str) -> Decimal:
    return Decimal(row[name] or 0)


def _rounded(name: str, number: Decimal, decimals: int) -> str:
    with localcontext(prec=_PRECISION):
        return exact(_OF.properties[name], number.quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP))
