"""What a fresh environment holds: companies, customer groups, currencies, units and terms."""

from collections.abc import Iterator, Mapping

from shared.records import Json

COMPANIES: Mapping[str, str] = {"usmf": "Contoso Entertainment System USA", "usrt": "Contoso Retail USA"}

_GROUPS: Mapping[str, str] = {
    "10": "Wholesale customers",
    "20": "Major customers",
    "30": "Retail customers",
    "40": "Internet customers",
    "80": "Other customers",
}

_PAYMENT_TERMS: Mapping[str, int] = {"Net10": 10, "Net15": 15, "Net30": 30, "Net45": 45, "Net60": 60}
_DELIVERY_TERMS: Mapping[str, str] = {
    "CIF": "Cost, insurance and freight",
    "EXW": "Ex works",
    "FOB": "Free on board",
}
_DELIVERY_MODES: Mapping[str, str] = {"10": "Truck", "20": "Rail", "30": "Air", "40": "Ship"}

# ISO 4217 codes with their names; the smallest coin is the rounding rule.
CURRENCIES: Mapping[str, str] = {
    "AED": "UAE Dirham",
    "ARS": "Argentine Peso",
    "AUD": "Australian Dollar",
    "BGN": "Bulgarian Lev",
    "BRL": "Brazilian Real",
    "CAD": "Canadian Dollar",
    "CHF": "Swiss Franc",
    "CLP": "Chilean Peso",
    "CNY": "Yuan Renminbi",
    "COP": "Colombian Peso",
    "CZK": "Czech Koruna",
    "DKK": "Danish Krone",
    "DZD": "Algerian Dinar",
    "EGP": "Egyptian Pound",
    "EUR": "Euro",
    "FJD": "Fiji Dollar",
    "GBP": "Pound Sterling",
    "HKD": "Hong Kong Dollar",
    "HUF": "Forint",
    "IDR": "Rupiah",
    "ILS": "New Israeli Sheqel",
    "INR": "Indian Rupee",
    "ISK": "Iceland Krona",
    "JPY": "Yen",
    "KES": "Kenyan Shilling",
    "KRW": "Won",
    "MAD": "Moroccan Dirham",
    "MXN": "Mexican Peso",
    "MYR": "Malaysian Ringgit",
    "MZN": "Mozambique Metical",
    "NGN": "Naira",
    "NOK": "Norwegian Krone",
    "NZD": "New Zealand Dollar",
    "PEN": "Sol",
    "PHP": "Philippine Peso",
    "PLN": "Zloty",
    "RON": "Romanian Leu",
    "RSD": "Serbian Dinar",
    "SAR": "Saudi Riyal",
    "SBD": "Solomon Islands Dollar",
    "SEK": "Swedish Krona",
    "SGD": "Singapore Dollar",
    "SZL": "Lilangeni",
    "THB": "Baht",
    "TND": "Tunisian Dinar",
    "TOP": "Pa'anga",
    "TRY": "Turkish Lira",
    "TWD": "New Taiwan Dollar",
    "UAH": "Hryvnia",
    "UGX": "Uganda Shilling",
    "USD": "US Dollar",
    "VUV": "Vatu",
    "WST": "Tala",
    "XPF": "CFP Franc",
    "ZAR": "Rand",
}

# Units that are measured, not counted, show two decimals.
_MEASURED = frozenset({"cm", "g", "hr", "kg", "lb", "m", "oz"})

_UNITS: Mapping[str, str] = {
    "box": "Box",
    "cm": "Centimeter",
    "ea": "Each",
    "g": "Gram",
    "hr": "Hour",
    "kg": "Kilogram",
    "lb": "Pound",
    "m": "Meter",
    "oz": "Ounce",
    "pack": "Pack",
    "pcs": "Pieces",
}

Rows = Iterator[tuple[str, dict[str, Json]]]
"""Pairs of collection and record, companies before what belongs to them."""


def environment() -> Rows:
    """Everything that a fresh environment holds but units."""
    for code, name in CURRENCIES.items():
        yield "Currencies", {"CurrencyCode": code, "Name": name, "Symbol": code}
    for company, name in COMPANIES.items():
        yield from company_rows(company, name)


def units() -> Rows:
    """The units of an environment that brings none of its own."""
    for symbol, description in _UNITS.items():
        precision = 2 if symbol in _MEASURED else 0
        yield "UnitsOfMeasure", {"UnitSymbol": symbol, "UnitDescription": description, "DecimalPrecision": precision}


def company_rows(company: str, name: str) -> Rows:
    """A company with its customer groups and terms."""
    yield "LegalEntities", {"LegalEntityId": company, "Name": name, "CompanyName": name, "LanguageId": "en-US"}
    for group, description in _GROUPS.items():
        yield "CustomerGroups", {"dataAreaId": company, "CustomerGroupId": group, "Description": description}
    for term, days in _PAYMENT_TERMS.items():
        yield "PaymentTerms", {"dataAreaId": company, "Name": term, "Description": f"{days} days", "NumberOfDays": days}
    for code, description in _DELIVERY_TERMS.items():
        yield "DeliveryTerms", {"dataAreaId": company, "TermsCode": code, "TermsDescription": description}
    for code, description in _DELIVERY_MODES.items():
        yield "DeliveryModesV2", {"dataAreaId": company, "ModeCode": code, "ModeDescription": description}
