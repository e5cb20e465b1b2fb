"""Writes the address of a record."""

from urllib.parse import quote

from local.finops.schema import NAMESPACE, EntityType, Kind
from local.finops.tables import Row


def address(of: EntityType, row: Row) -> str:
    """Collection and key of a record, as written below /data. The row holds at least the key."""
    return f"{of.set_name}({','.join(f'{name}={_literal(of, name, row)}' for name in of.key)})"


def _literal(of: EntityType, name: str, row: Row) -> str:
    value = str(row[name])
    enumeration = of.properties[name].enumeration
    if enumeration is not None:
        return f"{NAMESPACE}.{enumeration.name}'{value}'"
    if of.properties[name].kind is not Kind.STRING:
        return value
    return "'" + quote(value.replace("'", "''"), safe="'") + "'"
