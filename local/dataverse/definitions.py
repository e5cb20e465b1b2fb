"""What the schema says about tables, columns, keys and relationships, in the form of the Web API's metadata."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from local.dataverse import metadatatypes as types
from local.dataverse.metadatatypes import ID, NAMESPACE, MetadataType
from local.dataverse.organisation import fixed_id
from local.dataverse.refusals import not_simulated
from local.dataverse.relationships import Relationship
from local.dataverse.schema import NUMBERS, TEXTS, EntityType, Key, Kind, Property, Schema
from shared.records import Json

_PRECISION_SOURCES = {
    "column": 0,
    "organization.pricingdecimalprecision": 1,
    "transactioncurrency.currencyprecision": 2,
}
_IMAGE_ID, _IMAGE = "entityimageid", "entityimage"


@dataclass(frozen=True, slots=True)
class Definition:
    """One element of metadata: its type, what is known about it, and where its navigations lead.

    Nothing is known about a navigation that is not listed here.
    """

    of: MetadataType
    content: Mapping[str, Json]
    collections: Mapping[str, Callable[[], Sequence["Definition"]]] = field(default_factory=dict)
    singles: Mapping[str, Callable[[], "Definition"]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """How a refusal calls it."""
        return str(self.content.get(self.of.key, self.content[ID]))


def tables(schema: Schema, language: int) -> list[Definition]:
    """All served tables. `language` is the language code of the labels."""
    return [_table(schema, entity, language) for entity in schema.entities.values()]


def relationships(schema: Schema) -> list[Definition]:
    """All relationships that are known, by name."""
    found = [each for table in schema.entities for each in schema.relationships.get(table, ())]
    return [_relationship(item) for item in sorted(found, key=lambda each: each.name.lower())]


def _table(schema: Schema, of: EntityType, language: int) -> Definition:
    content: dict[str, Json] = {
        "LogicalName": of.name,
        "SchemaName": of.schema_name,
        "EntitySetName": of.entity_set,
        "LogicalCollectionName": of.entity_set,
        "PrimaryIdAttribute": of.primary_id,
        "PrimaryNameAttribute": of.primary_name,
        "OwnershipType": of.ownership,
        "ChangeTrackingEnabled": of.tracked,
        "IsOptimisticConcurrencyEnabled": True,
        # Private tables are in no reference, and so in no schema.
        "IsPrivate": False,
    }
    if not of.subset:
        content["PrimaryImageAttribute"] = _IMAGE if _IMAGE_ID in of.columns else None
    return _definition(
        types.ENTITY,
        f"entity {of.name}",
        content,
        collections={
            "Attributes": lambda: [_attribute(of, column, language) for column in of.properties.values()],
            "Keys": lambda: [_key(of, key) for key in of.keys],
            "ManyToOneRelationships": lambda: _many_to_one(schema, of),
            "OneToManyRelationships": lambda: _one_to_many(schema, of),
        },
    )


def _many_to_one(schema: Schema, of: EntityType) -> list[Definition]:
    known = schema.relationships.get(of.name)
    if known is None:
        raise not_simulated(f"the ManyToOneRelationships of the table {of.name}, which no source describes")
    return [_relationship(each) for each in known]


def _one_to_many(schema: Schema, of: EntityType) -> list[Definition]:
    return [each for each in relationships(schema) if each.content["ReferencedEntity"] == of.name]


def _relationship(of: Relationship) -> Definition:
    content: dict[str, Json] = {
        "SchemaName": of.name,
        "RelationshipType": "OneToManyRelationship",
        "ReferencedEntity": of.referenced_table,
        "ReferencedAttribute": of.referenced_column,
        "ReferencedEntityNavigationPropertyName": of.collection,
        "ReferencingEntity": of.referencing_table,
        "ReferencingAttribute": of.referencing_column,
        "ReferencingEntityNavigationPropertyName": of.navigation,
        "CascadeConfiguration": {"Delete": of.delete_behavior},
    }
    return _definition(types.ONE_TO_MANY, f"relationship {of.name}", content)


def _key(entity: EntityType, of: Key) -> Definition:
    content: dict[str, Json] = {
        "SchemaName": of.schema_name,
        "LogicalName": of.logical_name,
        "EntityLogicalName": entity.name,
        "KeyAttributes": list(of.columns),
        "EntityKeyIndexStatus": "Active",
    }
    return _definition(types.KEY, f"key {entity.name}.{of.logical_name}", content)


def _attribute(entity: EntityType, of: Property, language: int) -> Definition:
    kind = _attribute_type(of)
    content: dict[str, Json] = {
        "LogicalName": of.column,
        "SchemaName": of.schema_name,
        "EntityLogicalName": entity.name,
        "AttributeType": kind,
        "AttributeTypeName": {"Value": f"{kind}Type"},
        "IsPrimaryId": of.column == entity.primary_id,
        "IsPrimaryName": of.column == entity.primary_name,
        "IsValidForCreate": of.on_create,
        "IsValidForUpdate": of.on_update,
        "IsValidForRead": True,
        "RequiredLevel": {"Value": of.required},
        **_particulars(of),
    }
    name = f"{entity.name}.{of.column}"
    options = {"OptionSet": lambda: _option_set(entity, of, kind, language)} if of.kind is Kind.CHOICE else {}
    return _definition(_attribute_metadata(kind), f"attribute {name}", content, singles=options)


def _attribute_metadata(kind: str) -> MetadataType:
    match kind:
        case "Owner" | "Customer":
            return types.ATTRIBUTES["Lookup"]
        case "Uniqueidentifier":
            return types.ATTRIBUTES["UniqueIdentifier"]
    return types.ATTRIBUTES[kind]


def _particulars(of: Property) -> dict[str, Json]:
    """What only columns of that kind have."""
    if of.kind in TEXTS:
        return {} if of.max_length is None else {"MaxLength": of.max_length}
    if of.kind is Kind.LOOKUP:
        return {"Targets": list(of.targets)}
    if of.kind in (Kind.MOMENT, Kind.DATE):
        return _of_dates(of)
    found: dict[str, Json] = {}
    if of.kind in NUMBERS or of.kind is Kind.INTEGER:
        whole = of.kind is Kind.INTEGER
        for name, limit in (("MinValue", of.minimum), ("MaxValue", of.maximum)):
            found |= {} if limit is None else {name: int(limit) if whole else limit}
    if of.precision is not None:
        found["Precision"] = of.precision
    if of.kind is Kind.MONEY and of.precision_source in _PRECISION_SOURCES:
        found["PrecisionSource"] = _PRECISION_SOURCES[of.precision_source]
    return found


def _of_dates(of: Property) -> dict[str, Json]:
    """How a date column treats time zones, and what of it is shown."""
    return {"DateTimeBehavior": {"Value": of.date_behavior}, "Format": of.date_format} if of.date_behavior else {}


def _attribute_type(of: Property) -> str:
    match of.kind, of.column:
        case Kind.CHOICE, "statecode":
            return "State"
        case Kind.CHOICE, "statuscode":
            return "Status"
        case Kind.LOOKUP, "ownerid":
            return "Owner"
        case Kind.LOOKUP, _ if {"account", "contact"} == set(of.targets):
            return "Customer"
        case Kind.DATE, _:
            return "DateTime"
    return of.kind.value


def _option_set(entity: EntityType, of: Property, kind: str, language: int) -> Definition:
    options: list[Json] = [
        {**_state(entity, of, value), "Value": value, "Label": _label(label, language)}
        for value, label in of.labels.items()
    ]
    content: dict[str, Json] = {"OptionSetType": kind, "Options": options}
    return _definition(types.OPTION_SET, f"option set {entity.name}.{of.column}", content)


def _state(entity: EntityType, of: Property, value: int) -> dict[str, Json]:
    """The state that a status belongs to, or the status that a state has by default."""
    match of.column:
        case "statuscode":
            return {"@odata.type": f"#{NAMESPACE}StatusOptionMetadata", "State": of.state_of_status[value]}
        case "statecode":
            default = entity.columns["statuscode"].status_of_state.get(value)
            told: dict[str, Json] = {} if default is None else {"DefaultStatus": default}
            return {"@odata.type": f"#{NAMESPACE}StateOptionMetadata", **told}
    return {}


def _label(text: str, language: int) -> dict[str, Json]:
    localized: dict[str, Json] = {"Label": text, "LanguageCode": language}
    return {"LocalizedLabels": [localized], "UserLocalizedLabel": localized}


def _definition(
    of: MetadataType,
    identity: str,
    content: Mapping[str, Json],
    *,
    collections: Mapping[str, Callable[[], Sequence[Definition]]] | None = None,
    singles: Mapping[str, Callable[[], Definition]] | None = None,
) -> Definition:
    whole = {**content, ID: fixed_id(identity), "HasChanged": None}
    return Definition(of, whole, collections or {}, singles or {})
