"""$metadata: the CSDL document of what the simulator serves.

Tables come from the schema, everything else from `dataverse-service.xml`, which is the same in every organisation.
"""

from collections.abc import Mapping
from xml.etree import ElementTree as Xml

from local.dataverse.schema import EntityType, Key, Kind, Schema
from local.dataverse.schemafiles import FOLDER

_EDM = "http://docs.oasis-open.org/odata/ns/edm"
_EDMX = "http://docs.oasis-open.org/odata/ns/edmx"
_ALIAS = "mscrm"
_TYPES: Mapping[Kind, str] = {
    Kind.TEXT: "Edm.String",
    Kind.MEMO: "Edm.String",
    Kind.GUID: "Edm.Guid",
    Kind.LOOKUP: "Edm.Guid",
    Kind.INTEGER: "Edm.Int32",
    Kind.CHOICE: "Edm.Int32",
    Kind.BIG_INTEGER: "Edm.Int64",
    Kind.BOOLEAN: "Edm.Boolean",
    Kind.DECIMAL: "Edm.Decimal",
    Kind.MONEY: "Edm.Decimal",
    Kind.DOUBLE: "Edm.Double",
    Kind.MOMENT: "Edm.DateTimeOffset",
    Kind.DATE: "Edm.Date",
}


def csdl(schema: Schema) -> bytes:
    """The document."""
    Xml.register_namespace("edmx", _EDMX)
    Xml.register_namespace("", _EDM)
    document = Xml.fromstring((FOLDER / "dataverse-service.xml").read_bytes())  # noqa: S314 - a file of the project
    [root], [container] = document.iter(f"{{{_EDM}}}Schema"), document.iter(f"{{{_EDM}}}EntityContainer")
    for entity in schema.entities.values():
        _add_table(root, container, schema, entity)
    for name, table in schema.sets.items():
        if table not in schema.entities and table in schema.ids:
            _add_referenced(root, container, name, table, schema.ids[table])
    # The container comes last.
    root.remove(container)
    root.append(container)
    text: bytes = Xml.tostring(document, encoding="utf-8", xml_declaration=True)
    return text


def _add_table(root: Xml.Element, container: Xml.Element, schema: Schema, entity: EntityType) -> None:
    of = _add_type(root, entity.name, entity.primary_id)
    for prop in entity.properties.values():
        scale = {"Scale": "variable"} if _TYPES[prop.kind] == "Edm.Decimal" else {}
        _add(of, "Property", Name=prop.name, Type=_TYPES[prop.kind], **scale)
    entity_set = _add(container, "EntitySet", Name=entity.entity_set, EntityType=f"{_ALIAS}.{entity.name}")
    sets = {table: name for name, table in schema.sets.items()}
    # A lookup to users and teams leads to their common base in a real organisation; here to the first of them.
    singles = {nav.name: nav.targets[0] for nav in entity.navigations.values() if nav.targets[0] in schema.ids}
    served = {name: to for name, to in _collections(schema, entity).items() if to in schema.entities}
    for name, to in singles.items():
        _add(of, "NavigationProperty", Name=name, Type=f"{_ALIAS}.{to}")
    for name, to in served.items():
        _add(of, "NavigationProperty", Name=name, Type=f"Collection({_ALIAS}.{to})")
    for name, to in (singles | served).items():
        _add(entity_set, "NavigationPropertyBinding", Path=name, Target=sets[to])
    if entity.keys:
        _add_keys(of, entity)


def _collections(schema: Schema, entity: EntityType) -> Mapping[str, str]:
    related = {
        each.collection: table
        for table, known in schema.relationships.items()
        for each in known
        if each.referenced_table == entity.name
    }
    return {**entity.collections, **related}


def _add_referenced(root: Xml.Element, container: Xml.Element, entity_set: str, table: str, key: str) -> None:
    """A table that others refer to; only its key is known."""
    _add(_add_type(root, table, key), "Property", Name=key, Type="Edm.Guid")
    _add(container, "EntitySet", Name=entity_set, EntityType=f"{_ALIAS}.{table}")


def _add_type(root: Xml.Element, name: str, key: str) -> Xml.Element:
    of = _add(root, "EntityType", Name=name, BaseType=f"{_ALIAS}.crmbaseentity")
    _add(_add(of, "Key"), "PropertyRef", Name=key)
    return of


def _add_keys(of: Xml.Element, entity: EntityType) -> None:
    annotation = _add(of, "Annotation", Term="Org.OData.Core.V1.AlternateKeys")
    keys = _add(annotation, "Collection")
    for key in entity.keys:
        columns = _add(_add(_add(keys, "Record"), "PropertyValue", Property="Key"), "Collection")
        for name in _names(entity, key):
            record = _add(columns, "Record")
            _add(record, "PropertyValue", Property="Alias", String=name)
            _add(record, "PropertyValue", Property="Name", PropertyPath=name)


def _names(entity: EntityType, key: Key) -> list[str]:
    return [entity.columns[column].name for column in key.columns]


def _add(parent: Xml.Element, tag: str, **attributes: str) -> Xml.Element:
    return Xml.SubElement(parent, f"{{{_EDM}}}{tag}", attributes)
