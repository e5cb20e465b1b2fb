"""The rows that every organisation has before anybody writes."""

from collections.abc import Mapping

from local.dataverse.organisation import (
    APPLICATION_USER_ID,
    BUSINESS_UNIT_ID,
    ORGANIZATION_ID,
    Organisation,
    fixed_id,
)
from local.dataverse.schema import EntityType, Kind
from local.dataverse.schemafiles import observed_organization
from local.dataverse.values import moment, stored
from local.simulator.store import Row
from shared.records import Json

_BULK_MESSAGES = ("CreateMultiple", "UpdateMultiple")


def seed(organisation: Organisation, settings: Mapping[str, Json] | None = None) -> None:
    """Organisation, business unit, application user, messages and number sequences, unless they are there already.

    `settings` overrule columns of the organization row, such as pricingdecimalprecision.
    """
    if organisation.rows("organization"):
        return
    with organisation.store.transaction():
        observed = {
            name: value
            for name, value in observed_organization().items()
            if name in organisation.entity("organization").properties
        }
        row: dict[str, Json] = {"organizationid": ORGANIZATION_ID, "name": "simulated", "basecurrencysymbol": "$"}
        plant(organisation, "organization", {**row, **observed, **(settings or {})})
        unit: dict[str, Json] = {"businessunitid": BUSINESS_UNIT_ID, "name": "simulated"}
        plant(organisation, "businessunit", {**unit, "_organizationid_value": ORGANIZATION_ID})
        plant(organisation, "systemuser", _application_user())
        _plant_messages(organisation)
        _plant_sequences(organisation)


def plant(organisation: Organisation, table: str, values: Mapping[str, Json]) -> Row:
    """Store a row as it is given, read-only columns included, with defaults for the rest."""
    entity = organisation.entity(table)
    now = moment(organisation.clock())
    row: Row = {}
    for property_ in entity.properties.values():
        row[property_.column] = int(property_.default) if isinstance(property_.default, bool | int) else None
        if property_.type_column:
            row[property_.type_column] = None
    for name in ("createdon", "modifiedon"):
        if name in entity.columns:
            row[name] = now
    for name in ("createdby", "modifiedby"):
        if name in entity.columns:
            row[name] = APPLICATION_USER_ID
    return organisation.add(entity, {**row, **_kept(entity, values)})


def _kept(entity: EntityType, values: Mapping[str, Json]) -> Row:
    row: Row = {}
    for name, value in values.items():
        of = entity.properties[name]
        row[of.column] = stored(of, value, entity)
        if of.type_column and of.kind is Kind.LOOKUP:
            row[of.type_column] = of.targets[0]
    return row


def _application_user() -> dict[str, Json]:
    return {
        "systemuserid": APPLICATION_USER_ID,
        "firstname": "#",
        "lastname": "Prospect to cash sync",
        "fullname": "# Prospect to cash sync",
        "applicationid": fixed_id("application"),
        "_businessunitid_value": BUSINESS_UNIT_ID,
    }


def _plant_messages(organisation: Organisation) -> None:
    for message in _BULK_MESSAGES:
        message_id = fixed_id(f"message {message}")
        plant(organisation, "sdkmessage", {"sdkmessageid": message_id, "name": message})
        for entity in organisation.schema.entities.values():
            if entity.bulk and entity.name not in organisation.settings.no_bulk:
                values: dict[str, Json] = {
                    "sdkmessagefilterid": fixed_id(f"message {message} {entity.name}"),
                    "primaryobjecttypecode": entity.name,
                    "_sdkmessageid_value": message_id,
                }
                plant(organisation, "sdkmessagefilter", values)


def _plant_sequences(organisation: Organisation) -> None:
    entity = organisation.schema.entities.get("msdynce_p2cautonumber")
    for row in entity.rows if entity else ():
        name = str(row["msdynce_entityname"])
        values: dict[str, Json] = {**row, "msdynce_p2cautonumberid": fixed_id(f"sequence {name}")}
        plant(organisation, "msdynce_p2cautonumber", {**values, "_ownerid_value": APPLICATION_USER_ID})
