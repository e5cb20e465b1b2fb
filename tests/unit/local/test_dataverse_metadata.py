"""Metadata of the simulated Dataverse: what clients ask about tables before they use them."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID
from xml.etree import ElementTree as Xml

import pytest

from local.dataverse.definitions import Definition, relationships, tables
from tests.unit.local.dataverse_world import World, code, dataverse

CRM = "Microsoft.Dynamics.CRM."
EDM = "{http://docs.oasis-open.org/odata/ns/edm}"
ACCOUNT = "EntityDefinitions(LogicalName='account')"
PICKLISTS = f"{ACCOUNT}/Attributes/{CRM}PicklistAttributeMetadata"


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """Nothing here writes, so that one organisation serves all."""
    with dataverse() as running:
        yield running


def row(world: World, path: str) -> dict[str, Any]:
    reply = world.get(path)
    assert reply.status_code == 200, reply.text
    found: dict[str, Any] = reply.json()
    return found


def names(world: World, path: str, by: str = "LogicalName") -> list[str]:
    return [str(each[by]) for each in world.rows(path)]


def context(world: World, path: str) -> str:
    return str(row(world, path)["@odata.context"]).removeprefix(f"{world.api}/$metadata#")


def test_a_table_is_found_by_its_logical_name(world: World) -> None:
    query = "$select=LogicalName,EntitySetName,PrimaryIdAttribute&$filter=LogicalName eq 'account'"
    [found] = world.rows(f"EntityDefinitions?{query}")
    UUID(found.pop("MetadataId"))
    assert found == {"LogicalName": "account", "EntitySetName": "accounts", "PrimaryIdAttribute": "accountid"}
    assert world.rows("EntityDefinitions?$filter=LogicalName eq 'nope'") == []


def test_a_table_can_be_read_by_its_id(world: World) -> None:
    found = row(world, ACCOUNT)
    assert row(world, f"EntityDefinitions({found['MetadataId']})") == found
    assert row(world, f"EntityDefinitions(MetadataId={found['MetadataId']})") == found
    assert code(world.get("EntityDefinitions(LogicalName='nope')")) == (404, "0x80040217")
    assert code(world.get("EntityDefinitions(SchemaName='Account')")) == (400, "0x80060888")


@pytest.mark.parametrize(
    ("condition", "found"),
    [
        ("LogicalName eq 'account' or LogicalName eq 'quote'", ["account", "quote"]),
        ("IsPrivate eq false and (SchemaName eq 'Quote')", ["quote"]),
        (f"OwnershipType eq {CRM}OwnershipTypes'OrganizationOwned' and not (LogicalName eq 'product')", None),
        (f"LogicalName ne 'account' and OwnershipType eq {CRM}OwnershipTypes'UserOwned'", None),
    ],
)
def test_tables_are_filtered_by_plain_values_and_enumerations(
    world: World, condition: str, found: list[str] | None
) -> None:
    every = {each["LogicalName"]: each for each in world.rows("EntityDefinitions")}
    result = names(world, f"EntityDefinitions?$select=LogicalName&$filter={condition}")
    if found is None:
        owner = "OrganizationOwned" if "OrganizationOwned" in condition else "UserOwned"
        without = "product" if "product" in condition else "account"
        found = [name for name, value in every.items() if value["OwnershipType"] == owner and name != without]
    assert result == found
    assert found


@pytest.mark.parametrize(
    ("condition", "status"),
    [
        ("Nope eq 'account'", 400),
        ("LogicalName eq 1", 400),
        ("IsPrivate eq 'false'", 400),
        ("OwnershipType eq 'UserOwned'", 400),
        (f"LogicalName eq {CRM}OwnershipTypes'UserOwned'", 400),
        (f"OwnershipType eq {CRM}AttributeTypeCode'String'", 400),
        ("'account' eq LogicalName", 400),
        ("LogicalName eq", 400),
        ("startswith(LogicalName,'a')", 501),
        ("LogicalName gt 'a'", 501),
        ("IsCustomEntity eq false", 501),
    ],
)
def test_a_filter_on_metadata_that_is_wrong_is_400_and_one_that_nobody_can_answer_501(
    world: World, condition: str, status: int
) -> None:
    assert code(world.get(f"EntityDefinitions?$filter={condition}")) == (status, "0x80060888")


def test_an_image_column_is_reported_of_the_tables_whose_columns_are_all_known(world: World) -> None:
    select = "$select=PrimaryImageAttribute"
    images = [
        row(world, f"EntityDefinitions(LogicalName='{name}')?{select}")["PrimaryImageAttribute"]
        for name in ("account", "quote")
    ]
    assert images == ["entityimage", None]
    refused = world.get(f"EntityDefinitions(LogicalName='systemuser')?{select}")
    assert refused.status_code == 501
    assert "PrimaryImageAttribute of EntityMetadata systemuser" in refused.json()["error"]["message"]


def test_what_a_type_declares_and_the_schema_does_not_tell_is_501_by_name(world: World) -> None:
    for path, name in (
        (f"{ACCOUNT}?$select=DisplayName", "DisplayName"),
        (f"{ACCOUNT}/ManyToManyRelationships", "ManyToManyRelationships"),
        (f"{PICKLISTS}?$select=LogicalName&$expand=GlobalOptionSet", "GlobalOptionSet"),
        ("EntityDefinitions(LogicalName='systemuser')/ManyToOneRelationships", "ManyToOneRelationships"),
        (f"{ACCOUNT}/EntitySetName", "EntitySetName"),
        ("RetrieveMetadataChanges(Query=@p1)?@p1={}", "RetrieveMetadataChanges"),
    ):
        reply = world.get(path)
        assert (reply.status_code, name in reply.json()["error"]["message"]) == (501, True), path


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_metadata_is_only_read(world: World, method: str) -> None:
    assert code(world.send(method, ACCOUNT, {})) == (501, "0x80060888")


def test_a_column_has_its_type_and_only_what_all_columns_have_can_be_selected_of_all(world: World) -> None:
    by_name = {each["LogicalName"]: each for each in world.rows(f"{ACCOUNT}/Attributes?$select=LogicalName")}
    assert by_name["name"]["@odata.type"] == f"#{CRM}StringAttributeMetadata"
    assert by_name["ownerid"]["@odata.type"] == f"#{CRM}LookupAttributeMetadata"
    refused = world.get(f"{ACCOUNT}/Attributes?$select=LogicalName,MaxLength")
    assert code(refused) == (400, "0x80060888")
    assert refused.json()["error"]["message"].endswith(f"'MaxLength' on type '{CRM}AttributeMetadata'.")


@pytest.mark.parametrize(
    ("of", "column", "property_name", "value"),
    [
        ("String", "accountnumber", "MaxLength", 20),
        ("Memo", "description", "MaxLength", 2000),
        ("Money", "revenue", "PrecisionSource", 2),
        ("Integer", "numberofemployees", "MaxValue", 1_000_000_000),
        ("Lookup", "primarycontactid", "Targets", ["contact"]),
    ],
)
def test_a_type_of_columns_shows_what_it_has_beside(
    world: World, of: str, column: str, property_name: str, value: object
) -> None:
    path = f"{ACCOUNT}/Attributes/{CRM}{of}AttributeMetadata?$select=LogicalName,{property_name}"
    found = {each["LogicalName"]: each for each in world.rows(path)}
    assert found[column][property_name] == value
    assert "@odata.type" not in found[column]


def test_a_date_column_tells_how_it_behaves_and_what_of_it_is_shown(world: World) -> None:
    path = f"EntityDefinitions(LogicalName='quote')/Attributes/{CRM}DateTimeAttributeMetadata"
    rows = world.rows(f"{path}?$select=LogicalName,DateTimeBehavior,Format")
    told = {each["LogicalName"]: (each["DateTimeBehavior"], each["Format"]) for each in rows}
    assert told["requestdeliveryby"] == told["effectiveto"] == ({"Value": "UserLocal"}, "DateOnly")
    assert told["expireson"] == ({"Value": "DateOnly"}, "DateOnly")
    assert told["modifiedon"] == ({"Value": "UserLocal"}, "DateAndTime")
    shown = f"Format eq {CRM}DateTimeFormat'DateOnly' and DateTimeBehavior/Value eq 'DateOnly'"
    assert names(world, f"{path}?$select=LogicalName&$filter={shown}") == ["closedon", "expireson"]
    refused = world.get("EntityDefinitions(LogicalName='quote')/Attributes?$select=DateTimeBehavior")
    assert code(refused) == (400, "0x80060888")


def test_without_a_selection_columns_come_whole(world: World) -> None:
    by_name = {each["LogicalName"]: each for each in world.rows(f"{ACCOUNT}/Attributes")}
    assert by_name["accountnumber"]["MaxLength"] == 20
    assert by_name["name"]["RequiredLevel"]["Value"] == "ApplicationRequired"


def test_columns_are_filtered_by_required_level(world: World) -> None:
    level = f"RequiredLevel/Value eq {CRM}AttributeRequiredLevel'ApplicationRequired'"
    assert "name" in names(world, f"{ACCOUNT}/Attributes?$select=LogicalName&$filter={level}")
    assert code(world.get(f"{ACCOUNT}/Attributes?$filter=RequiredLevel eq 'None'")) == (400, "0x80060888")


def test_one_column_is_found_by_its_name_and_by_its_id(world: World) -> None:
    found = row(world, f"{ACCOUNT}/Attributes(LogicalName='name')")
    assert (found["@odata.type"], found["MaxLength"]) == (f"#{CRM}StringAttributeMetadata", 160)
    same = row(world, f"{ACCOUNT}/Attributes({found['MetadataId']})/{CRM}StringAttributeMetadata?$select=MaxLength")
    assert same["MaxLength"] == 160
    assert world.get(f"{ACCOUNT}/Attributes(LogicalName='nope')").status_code == 404
    assert world.get(f"{ACCOUNT}/Attributes(LogicalName='name')/{CRM}MemoAttributeMetadata").status_code == 404
    assert world.get(f"{ACCOUNT}/Attributes/{CRM}EnumAttributeMetadata").status_code == 400


def test_the_options_of_all_choices_of_a_table_come_in_one_answer(world: World) -> None:
    rows = world.rows(f"{PICKLISTS}?$select=LogicalName&$expand=OptionSet($select=Options)")
    options = {each["LogicalName"]: each["OptionSet"]["Options"] for each in rows}
    [dhl] = [each for each in options["address1_shippingmethodcode"] if each["Value"] == 2]
    assert dhl["Label"]["UserLocalizedLabel"] == {"Label": "DHL", "LanguageCode": 1033}
    assert dhl["Label"]["LocalizedLabels"] == [dhl["Label"]["UserLocalizedLabel"]]
    assert "statuscode" not in options


def test_the_options_of_one_choice_have_an_address(world: World) -> None:
    path = f"{ACCOUNT}/Attributes(LogicalName='industrycode')/{CRM}PicklistAttributeMetadata/OptionSet?$select=Options"
    assert len(row(world, path)["Options"]) == 33


def test_the_options_of_a_status_tell_their_state_and_those_of_a_state_their_status(world: World) -> None:
    def options(of: str) -> dict[int, dict[str, Any]]:
        path = f"EntityDefinitions(LogicalName='quote')/Attributes/{CRM}{of}AttributeMetadata"
        [found] = world.rows(f"{path}?$select=LogicalName&$expand=OptionSet")
        assert found["OptionSet"]["OptionSetType"] == of
        return {each["Value"]: each for each in found["OptionSet"]["Options"]}

    assert [options("Status")[status]["State"] for status in (1, 2, 4, 7)] == [0, 1, 2, 3]
    assert [options("State")[state]["DefaultStatus"] for state in (0, 1)] == [1, 2]


def test_columns_are_expanded_with_a_filter_and_a_selection_of_their_own(world: World) -> None:
    inner = f"$select=LogicalName;$filter=AttributeType eq {CRM}AttributeTypeCode'Memo'"
    found = row(world, f"{ACCOUNT}?$select=LogicalName&$expand=Attributes({inner})")
    assert {each["@odata.type"] for each in found["Attributes"]} == {f"#{CRM}MemoAttributeMetadata"}
    assert {"description", "address1_composite"} <= {each["LogicalName"] for each in found["Attributes"]}


def test_alternate_keys_are_listed(world: World) -> None:
    path = "EntityDefinitions(LogicalName='contact')/Keys?$select=SchemaName,KeyAttributes,EntityKeyIndexStatus"
    [key] = world.rows(path)
    assert (key["KeyAttributes"], key["EntityKeyIndexStatus"]) == (["msdynce_contactnumber"], "Active")
    assert world.rows(f"{ACCOUNT}/Keys") == []


def test_a_relationship_is_seen_from_both_of_its_tables(world: World) -> None:
    def of(table: str, side: str) -> dict[str, dict[str, Any]]:
        rows = world.rows(f"EntityDefinitions(LogicalName='{table}')/{side}")
        return {each["SchemaName"]: each for each in rows}

    ours, theirs = of("quotedetail", "ManyToOneRelationships"), of("quote", "OneToManyRelationships")
    assert ours["quote_details"] == theirs["quote_details"]
    assert ours["quote_details"]["ReferencingEntityNavigationPropertyName"] == "quoteid"
    assert ours["quote_details"]["ReferencedEntityNavigationPropertyName"] == "quote_details"
    assert ours["quote_details"]["CascadeConfiguration"] == {"Delete": "Cascade"}


def test_two_lookups_to_one_table_are_two_relationships(world: World) -> None:
    rows = world.rows(f"{ACCOUNT}/OneToManyRelationships?$filter=ReferencingEntity eq 'account'")
    found = {each["SchemaName"]: each["ReferencingAttribute"] for each in rows}
    assert found == {"account_master_account": "masterid", "account_parent_account": "parentaccountid"}


def test_every_lookup_of_a_described_table_can_be_expanded_by_the_name_in_its_relationship(world: World) -> None:
    found = names(world, "EntityDefinitions(LogicalName='quotedetail')/ManyToOneRelationships", "SchemaName")
    assert found == sorted(found, key=str.lower)
    navigations = {
        each["ReferencingEntityNavigationPropertyName"]
        for each in world.rows("EntityDefinitions(LogicalName='quotedetail')/ManyToOneRelationships")
    }
    assert navigations == set(world.organisation.entity("quotedetail").navigations)


def test_relationships_have_an_address_of_their_own(world: World) -> None:
    [found] = world.rows("RelationshipDefinitions?$filter=SchemaName eq 'quote_details'")
    assert found["@odata.type"] == f"#{CRM}OneToManyRelationshipMetadata"
    assert row(world, "RelationshipDefinitions(SchemaName='quote_details')").items() >= found.items()
    narrowed = f"RelationshipDefinitions/{CRM}OneToManyRelationshipMetadata?$select=SchemaName"
    ofs = names(world, f"{narrowed}&$filter=ReferencedEntity eq 'quote'", "SchemaName")
    assert ofs == ["quote_details"]
    assert world.get("RelationshipDefinitions?$select=ReferencedEntity").status_code == 400


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("EntityDefinitions?$select=LogicalName", "EntityDefinitions(LogicalName)"),
        (f"{ACCOUNT}?$select=LogicalName", "EntityDefinitions(LogicalName)/$entity"),
        (f"{ACCOUNT}/Attributes?$select=LogicalName", "EntityDefinitions('account')/Attributes(LogicalName)"),
        (f"{ACCOUNT}/Keys?$select=SchemaName", "EntityDefinitions('account')/Keys(SchemaName)"),
        (
            f"{PICKLISTS}?$select=LogicalName&$expand=OptionSet($select=Options)",
            f"EntityDefinitions('account')/Attributes/{CRM}PicklistAttributeMetadata(LogicalName,OptionSet(Options))",
        ),
    ],
)
def test_the_context_tells_the_selected_columns(world: World, path: str, told: str) -> None:
    assert context(world, path) == told


def declared(document: Xml.Element) -> dict[str, set[str]]:
    """The properties and navigations of every type of a CSDL document, with those of its base types."""
    found: dict[str, set[str]] = {}
    bases: dict[str, str | None] = {}
    for item in document.iter(f"{EDM}EntityType"):
        members = [*item.iter(f"{EDM}Property"), *item.iter(f"{EDM}NavigationProperty")]
        found[item.attrib["Name"]] = {each.attrib["Name"] for each in members}
        bases[item.attrib["Name"]] = item.attrib.get("BaseType", "").removeprefix("mscrm.") or None
    for name in found:
        above = bases[name]
        while above is not None:
            found[name] |= found[above]
            above = bases[above]
    return found


def everything(world: World) -> list[Definition]:
    """One definition and all that its navigations lead to, for every table."""
    found = [*tables(world.organisation.schema, 1033), *relationships(world.organisation.schema)]
    for each in found:
        for name, collection in each.collections.items():
            if name in ("Attributes", "Keys"):
                found += collection()
        found += [single() for single in each.singles.values()]
    return found


def test_the_document_declares_every_served_table_and_what_each_has(world: World) -> None:
    reply = world.get("$metadata")
    assert reply.headers["Content-Type"].startswith("application/xml")
    document = Xml.fromstring(reply.content)
    sets = {each.attrib["Name"] for each in document.iter(f"{EDM}EntitySet")}
    listed = {str(each["name"]) for each in row(world, "")["value"]}
    assert listed <= sets
    assert "territories" in sets
    types = declared(document)
    for entity in world.organisation.schema.entities.values():
        missing = set(entity.properties) - types[entity.name]
        assert not missing, entity.name
    assert {"quoteid", "quote_details", "customerid_account"} <= types["quote"] | types["quotedetail"]


def test_the_document_and_the_types_declare_all_that_is_reported_of_tables(world: World) -> None:
    types = declared(Xml.fromstring(world.get("$metadata").content))
    for each in everything(world):
        names = {*each.content, *each.collections, *each.singles}
        assert names <= types[each.of.name], each.of.name
        assert all(each.of.declares(name) for name in each.content), each.of.name
        assert all(each.of.leads(name) for name in (*each.collections, *each.singles)), each.of.name


def test_alternate_keys_stand_in_the_document(world: World) -> None:
    document = Xml.fromstring(world.get("$metadata").content)
    [contact] = [each for each in document.iter(f"{EDM}EntityType") if each.attrib["Name"] == "contact"]
    names = {each.attrib.get("PropertyPath") for each in contact.iter(f"{EDM}PropertyValue")}
    assert "msdynce_contactnumber" in names
