"""What the lines of quotations and orders have in common: what they take over, and what they amount to."""

from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal, localcontext

from local.finops import salesheaders, storage
from local.finops.schema import Kind, load_schema
from local.finops.values import Stored, exact

NUMBER = "LineCreationSequenceNumber"
AMOUNT = "LineAmount"
SITE, WAREHOUSE = "ShippingSiteId", "ShippingWarehouseId"

# A number has so many decimals in the database type, an amount so many by the usual rounding rule of a currency.
STORED_DECIMALS = 6

# More than two factors of the most digits that a value may have.
PRECISION = 200
# Every decimal property is of the same type.
_AMOUNT_OF = load_schema().entities["CDSSalesQuotationLines"].properties[AMOUNT]

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


def normalised(set_name: str, name: str, value: Stored) -> Stored:
    """The form in which the service keeps a value: numbers to the last decimal of the database type."""
    of = load_schema().entities[set_name].properties.get(name)
    if of is not None and of.kind is Kind.DECIMAL and value is not None:
        return rounded(Decimal(value), STORED_DECIMALS)
    return value


def from_header(header: Row) -> Row:
    """What a new line takes over from its document."""
    return {
        **{name: header[name] for name in _ADDRESS},
        "DeliveryAddressName": header["DeliveryAddressName"],
        "CurrencyCode": header["CurrencyCode"],
        "RequestedShippingDate": header["RequestedShippingDate"],
        "DeliveryModeCode": header["DeliveryModeCode"],
        "DeliveryTermsId": header["DeliveryTermsCode"],
        SITE: header[salesheaders.SITE],
        WAREHOUSE: header[salesheaders.WAREHOUSE],
    }


def from_product(product: Row) -> Row:
    """What a new line takes over from its product."""
    return {
        "ProductName": product["ProductName"],
        "SalesUnitSymbol": product["SalesUnitSymbol"],
        "SalesPrice": product["SalesPrice"],
    }


def product_refusal(product: Row) -> str | None:
    """Why a product cannot be sold, None if it can. The texts are known for purchases, here they are inferred."""
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


def amount(row: Row, *, quantity: str) -> Decimal:
    """What a line of the amount in the property `quantity` costs, discounts and charges included; the place of
    percentages is our decision."""
    with localcontext(prec=PRECISION):
        price = number(row, "SalesPrice") / (number(row, "SalesPriceQuantity") or Decimal(1))
        price -= number(row, "LineDiscountAmount") + number(row, "MultilineDiscountAmount")
        for name in ("LineDiscountPercentage", "MultilineDiscountPercentage"):
            price *= 1 - number(row, name) / 100
        return number(row, quantity) * price + number(row, "FixedPriceCharges")


def with_amount(row: Row, *, quantity: str) -> Row:
    """The row with its amount: that a given amount is replaced is our decision."""
    return {**row, AMOUNT: rounded(amount(row, quantity=quantity), STORED_DECIMALS)}


def in_currency(row: Row, decimals: int) -> Row:
    """The row with its amount in the decimals that the company's currencies have."""
    return {**row, AMOUNT: rounded(number(row, AMOUNT), decimals)}


def complaints(row: Row) -> tuple[str, ...]:
    """What a line lacks."""
    needed = {"ProductNumber": "Product number", "SalesUnitSymbol": "Unit"}
    lacking = tuple(f"Field '{label}' must be filled in." for name, label in needed.items() if not row[name])
    return lacking + storage.complaints(row, SITE, WAREHOUSE)


def number(row: Row, name: str) -> Decimal:
    """A number of a row, 0 where there is none."""
    return Decimal(row[name] or 0)


def rounded(value: Decimal, decimals: int) -> str:
    """A number with so many decimals, half away from zero. Raises Refused (400) for one of too many digits."""
    with localcontext(prec=PRECISION):
        return exact(_AMOUNT_OF, value.quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP))
