"""Sites and warehouses: no collection of them is served, yet documents must name ones that exist."""

from collections.abc import Mapping
from types import MappingProxyType

from local.finops.values import Stored

# The ones of Microsoft's demonstration company; every company of an environment has them.
SITE_OF: Mapping[str, str] = MappingProxyType(
    {
        **{"11": "1", "12": "1", "13": "1"},
        **{"21": "2", "22": "2", "23": "2", "24": "2"},
        **{"51": "5", "61": "6"},
    }
)
"""The site that each warehouse belongs to."""

Row = Mapping[str, Stored]


def site_refusal(value: str) -> str | None:
    """Why a site cannot be, None if it can."""
    if not value or value.rstrip(" ") in SITE_OF.values():
        return None
    return f"The value '{value}' in field 'Site' is not found in the related table 'Sites'."


def warehouse_refusal(value: str) -> str | None:
    """Why a warehouse cannot be, None if it can."""
    if not value or _site_of(value):
        return None
    return f"The value '{value}' in field 'Warehouse' is not found in the related table 'Warehouses'."


def completed(row: Row, given: frozenset[str], site: str, warehouse: str) -> Row:
    """A new row whose site and warehouse fit each other if only one of them was given: `site` and `warehouse` name
    the properties. A given warehouse brings its site, a given site removes a default of another site."""
    site_of = _site_of(row[warehouse])
    if not site_of or site_of == str(row[site]).rstrip(" "):
        return row
    if warehouse in given and site not in given:
        return {**row, site: site_of}
    return row if warehouse in given else {**row, warehouse: ""}


def complaints(row: Row, site: str, warehouse: str) -> tuple[str, ...]:
    """What is wrong between site and warehouse; the words are our decision."""
    if not row[warehouse] or _site_of(row[warehouse]) == str(row[site]).rstrip(" "):
        return ()
    return (f"Warehouse '{row[warehouse]}' does not belong to site '{row[site]}'.",)


def _site_of(warehouse: Stored) -> str:
    """The site of a warehouse, empty if there is no such warehouse. Blanks at the end do not count."""
    return SITE_OF.get(str(warehouse).rstrip(" "), "")
