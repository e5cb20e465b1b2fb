"""Wrong map documents: each has one message, with the place, the value and what is allowed."""

# ruff: noqa: E501 - tables of cases, one a line

import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared import exact_json
from shared.errors import SettingsInvalid
from shared.flows.registry import FLOWS
from shared.mapping.map_source import map_source
from shared.records import Json
from tests.support.project import ROOT
from tests.unit.mapping.samples import document

SETTINGS = {
    "AzureWebJobsStorage": "UseDevelopmentStorage=true",
    "DATAVERSE_URL": "https://contoso.crm.dynamics.com",
    "FINOPS_URL": "https://contoso.operations.dynamics.com",
    "COMPANY": "usmf",
}
OWN: dict[str, Json] = {
    "accounts": {"new_since": {"type": "date"}},
    "CustomersV3": {"ContosoRating": {"type": "whole"}},
}
LENGTHS: Any = document()["text_lengths"]


def check(content: dict[str, Json]) -> None:
    """Read a document, and make every mapping with it."""
    FLOWS.deployment(FLOWS.read_settings({**SETTINGS, "MAP_DOCUMENT": exact_json.dumps(content)})).require_sound()


def mistakes(**parts: Json) -> list[str]:
    """What is told of the shipped document with these parts."""
    return mistakes_of(document(**{"countries": {}, "states": {}, "own_columns": OWN, **parts}))


def mistakes_of(content: dict[str, Json]) -> list[str]:
    """What is told of a document; nothing of a right one."""
    try:
        check(content)
    except SettingsInvalid as refused:
        told = str(refused)
    else:
        told = ""
    return [line.strip() for line in told.splitlines() if line.startswith("  ")]


def of_accounts(**fields: Json) -> dict[str, Json]:
    return {"accounts": fields}


def word(name: str, /, **arguments: Json) -> dict[str, Json]:
    """An entry with a word; `source` stands for `from`."""
    return {"word": name, **{"from" if key == "source" else key: value for key, value in arguments.items()}}


def keeping(**condition: Any) -> dict[str, Json]:
    return {"accounts": [{"name": "pilot", "keep": condition}]}


NUMBER = "a whole number"
WRONG_FIELDS: list[tuple[str, Json, str]] = [
    ("NameAlias", word("coppy", source="name"), "NameAlias.word is 'coppy': write copy, constant, default"),
    ("NameAlias", word("copy"), "NameAlias.from is missing"),
    (
        "NameAlias",
        word("copy", source="name", colour="red"),
        "NameAlias.colour: `copy` takes no `colour`: remove it; it takes ownership, length, from, word",
    ),
    (
        "NameAlias",
        word("copy", source="name", to="x"),
        "NameAlias.to: `copy` takes no `to`: remove it; it takes ownership, length, from, word",
    ),
    (
        "NameAlias",
        word("copy", source="name", lengths=5),
        "NameAlias.lengths: `copy` takes no `lengths`: remove it (did you mean length?); it takes ownership, length,",
    ),
    (
        "NameAlias",
        word("joined", source=["name", "sic"], separators=" "),
        "NameAlias.separators: `joined` takes no `separators`: remove it (did you mean separator?); it takes ownership,",
    ),
    (
        "NameAlias",
        {"from": "name"},
        "NameAlias.from: an entry without a `word` takes no `from`: give it a `word`, or remove it; it takes ownership, length",
    ),
    (
        "NameAlias",
        word("copy", source="nmae"),
        "NameAlias.from: nmae is no column of accounts: did you mean name? One of",
    ),
    (
        "NameAlias",
        word("copy", source="primarycontactid.fullnam"),
        "NameAlias.from: primarycontactid.fullnam is no column of accounts: did you mean primarycontactid.fullname?",
    ),
    (
        "NameAlias",
        word("copy", source="primarycontact.fullname"),
        "NameAlias.from: primarycontact.fullname is no column of accounts: did you mean primarycontactid.fullname?",
    ),
    ("NameAlias", word("copy", source="a.b.c"), "NameAlias.from is 'a.b.c': write the logical name of a column"),
    (
        "NameAlias",
        word("copy", source="primarycontactid"),
        "NameAlias.from: primarycontactid is a lookup: name a column behind it",
    ),
    (
        "NameAlias",
        word("copy", source="numberofemployees"),
        "NameAlias.from: numberofemployees is a whole number, and NameAlias takes a text: use another column",
    ),
    (
        "CreditLimit",
        word("copy", source="name"),
        "CreditLimit.from: name is a text, and CreditLimit takes a number: use decimal",
    ),
    (
        "IsOneTimeCustomer",
        word("copy", source="donotphone"),
        "IsOneTimeCustomer.from: donotphone is yes or no, and IsOneTimeCustomer takes a member of an enumeration (No, Yes)",
    ),
    (
        "NameAlais",
        word("copy", source="name"),
        "NameAlais: NameAlais is no field of CustomersV3: did you mean NameAlias?",
    ),
    (
        "NameAlias",
        word("copy", source="name", length=50),
        "NameAlias.length: 50: NameAlias takes 20 characters at most",
    ),
    ("NameAlias", word("copy", source="name", length=0), "NameAlias.length is 0: write a whole number above 0"),
    (
        "CreditLimit",
        word("copy", source="creditlimit", length=5),
        "CreditLimit.length: 5: CreditLimit is a number, and only a text has a length",
    ),
    (
        "CustomerAccount",
        word("copy", source="name"),
        "CustomerAccount: CustomersV3 does not let it be written: it is the key, which the sync writes itself",
    ),
    ("NameAlias", word("copy", source="name", ownership="mine"), "NameAlias.ownership is 'mine': write 'owned'"),
    ("SalesMemo", "never", "SalesMemo is 'never': write 'owned', 'on_create', 'fill_if_blank' or 'off'"),
    ("SalesMeno", "off", "SalesMeno is not a field of this mapping: did you mean SalesMemo?"),
    (
        "TaxExemptNumber",
        "owned",
        "TaxExemptNumber is owned, and Sales has no column for it as delivered: give it a `word`",
    ),
    ("PartyType", "off", "PartyType is off, and CustomersV3 cannot do without it: remove it"),
    ("OrganizationName", "off", "OrganizationName is off, and CustomersV3 cannot do without it: remove it"),
    ("IsExternallyMaintained", "off", "IsExternallyMaintained is off, and CustomersV3 cannot do without it"),
    (
        "AddressCity",
        word("copy", source="address1_city"),
        "AddressCity has a word, and AddressCity is one field of a block",
    ),
    ("Priority", word("constant", value="High"), "Priority.value: 'High': Priority takes a member of an enumeration"),
    ("ContosoRating", word("constant", value="7"), f"ContosoRating.value: '7': ContosoRating takes {NUMBER}"),
    ("NameAlias", word("default", name="group"), "NameAlias.name is 'group': write 'customer_group', 'site'"),
    ("NameAlias", word("first_of", source=["name"]), "NameAlias.from is a list: write at least 2 of them"),
    (
        "NameAlias",
        word("first_of", source=["name", "creditlimit"]),
        "NameAlias.from.1: creditlimit is a number, and NameAlias takes a text",
    ),
    (
        "CreditLimit",
        word("joined", source=["name", "fax"]),
        "CreditLimit.word: joined: CreditLimit takes a number",
    ),
    (
        "Priority",
        word("option", source="accountcategorycode", to={"A": "AllocationPriority1"}),
        "Priority.to.A: 'A' is no option of accountcategorycode: write whole numbers",
    ),
    (
        "OnHoldStatus",
        word("option", source="accountcategorycode", to={"1": "Everything"}),
        "OnHoldStatus.to.1: 'Everything': OnHoldStatus takes a member of an enumeration (No, Invoice, All",
    ),
    (
        "OnHoldStatus",
        word("option", source="name", to={"1": "All"}),
        "OnHoldStatus.from: name is a text: this word reads an option or a member of an enumeration",
    ),
    (
        "NameAlias",
        word("yes_no", source="donotphone"),
        "NameAlias.word: yes_no: NameAlias takes a text",
    ),
    (
        "LineOfBusinessId",
        word("value_map", source="sic", map="industries"),
        "LineOfBusinessId.map: 'industries' is not in `value_maps`, which has none: add one to `value_maps`",
    ),
    ("SalesMemo", word("currency", source="nam"), "SalesMemo.from: nam is no column of accounts: did you mean name?"),
    ("NameAlias", word("day", source="createdon"), "NameAlias.word: day: NameAlias takes a text"),
    (
        "AddressValidFrom",
        word("day", source="new_since"),
        "AddressValidFrom.from: new_since does not say how it behaves: write its `behavior` in `own_columns`",
    ),
    (
        "AddressValidFrom",
        word("date_time", source="openrevenue"),
        "AddressValidFrom.from: openrevenue is a number: this word reads a date",
    ),
    (
        "CreditLimit",
        word("decimal", source="creditlimit", decimals=9),
        "CreditLimit.decimals is 9: write a whole number from 0 to 6",
    ),
    (
        "NameAlias",
        word("rules", rules=[{"when": {"column": "nmae", "operator": "filled"}, "value": "A"}]),
        "NameAlias.rules.0.when.column: nmae is no column of accounts: did you mean name?",
    ),
    (
        "NameAlias",
        word("rules", rules=[{"when": {"column": "name", "operator": "filled"}, "value": 5}]),
        "NameAlias.rules.0.value: 5: NameAlias takes a text",
    ),
]


@pytest.mark.parametrize(("field", "entry", "told"), WRONG_FIELDS)
def test_a_wrong_field_has_one_message(field: str, entry: Json, told: str) -> None:
    (message,) = mistakes(fields=of_accounts(**{field: entry}))
    assert message.startswith(f"fields.accounts.{told}"), message


@pytest.mark.parametrize(
    ("parts", "told"),
    [
        ({"fields": {"acounts": {}}}, "fields.acounts is unknown: write 'accounts'"),
        ({"fields": {"quotations": {"RequestingCustomerAccountNumber": "off"}}},
         "fields.quotations.RequestingCustomerAccountNumber is off, and CDSSalesQuotationHeaders cannot do without it"),
        ({"fields": {"quotation_lines": {"ProductNumber": "off"}}},
         "fields.quotation_lines.ProductNumber is off, and CDSSalesQuotationLines cannot do without it"),
        ({"fields": {"order_lines": {"SalesPrice": "off"}}},
         "fields.order_lines.SalesPrice is off, and CDSSalesOrderLines cannot do without it"),
        ({"fields": {"orders": {"OrderingCustomerAccountNumber": word("constant", value="C-1")}}},
         "fields.orders.OrderingCustomerAccountNumber has a word, and the sync itself finds the value of"),
        ({"fields": {"orders": {"Email": "owned"}}},
         "fields.orders.Email is owned, and these records are written once: write on_create or off"),
        ({"fields": {"orders": {"Email": "fill_if_blank"}}},
         "fields.orders.Email is fill_if_blank, and these records are written once: write on_create or off"),
        ({"fields": {"quotations": {"Email": "fill_if_blank"}}},
         "fields.quotations.Email is fill_if_blank, which this mapping does not take: write owned, on_create or off"),
        ({"fields": {"contact_persons": {"LastName": "off"}}},
         "fields.contact_persons.LastName is off, and CDSContactPersonsV2 cannot do without it"),
        ({"fields": {"products": {"name": "off"}}}, "fields.products.name is off, and products cannot do without it"),
        ({"fields": {"products": {"defaultuomscheduleid": "off"}}},
         "fields.products.defaultuomscheduleid is off, and products cannot do without it"),
        ({"fields": {"products": {"pricelevelid": word("constant", value=5)}}},
         "fields.products.pricelevelid.value: 5: pricelevelid takes a text"),
        ({"fields": {"products": {"pricelevelid": word("constant", value="Retail", length=5)}}},
         "fields.products.pricelevelid.length: 5: pricelevelid holds the id of a price list, which has no length"),
        ({"fields": {"products": {"defaultuomid": word("constant", value="Each")}}},
         "fields.products.defaultuomid has a word, and the sync itself finds the value of defaultuomid"),
        ({"fields": {"products": {"vendorid": word("copy", source="VendorId")}}},
         "fields.products.vendorid.from: VendorId is no column of SellableReleasedProducts"),
        ({"fields": {"products": {"isstockitem": word("copy", source="IsStockedProduct")}}},
         "fields.products.isstockitem.from: IsStockedProduct is a member of an enumeration, and isstockitem takes yes or no"),
        ({"filters": {"acounts": []}}, "filters.acounts is unknown: write 'accounts'"),
        ({"filters": {"accounts": [{"keep": {"column": "name", "operator": "filled"}}]}}, "filters.accounts.0.name is missing"),
        ({"filters": keeping(column="nmae", operator="filled")},
         "filters.accounts.0.keep.column: nmae is no column of accounts: did you mean name?"),
        ({"filters": keeping(column="primarycontactid.fullname", operator="filled")},
         "filters.accounts.0.keep.column: primarycontactid.fullname is a column behind a lookup: a filter reads columns of the record"),
        ({"filters": keeping(column="name", operator="like", value="A")},
         "filters.accounts.0.keep.operator is 'like': write 'eq'"),
        *(({"filters": keeping(column="name", operator=operator, value="A")},
           f"filters.accounts.0.keep.operator is {operator!r}: write 'eq', 'ne', 'gt', 'ge', 'lt', 'le', 'in', 'contains', 'begins', 'blank' or 'filled'")
          for operator in ("=", "==", "<>", ">=", "starts with", "not equal!")),
        *(({"filters": {"accounts": [{"name": name, "keep": {"column": "name", "operator": "filled"}}]}},
           f"filters.accounts.0.name is {name!r}: write small letters, digits and underscores, such as pilot")
          for name in ("Pilot One!", "for-finance", "Pilot_customers_2026", "<>")),
        ({"filters": keeping(column="customertypecode", operator="eq", value="3")},
         "filters.accounts.0.keep.value: '3': customertypecode holds a number"),
        ({"filters": keeping(column="customertypecode", operator="in", value=[3, "x"])},
         "filters.accounts.0.keep.value: 'x': customertypecode holds a number"),
        ({"filters": {"products": [{"name": "pilot", "keep": {"column": "ProductType", "operator": "eq", "value": "X"}}]}},
         "filters.products.0.keep.value: 'X': ProductType holds one of Item, Service"),
        ({"filters": keeping(**{"or": [{"column": "name", "operator": "filled"}, {"column": "x", "operator": "filled"}]})},
         "filters.accounts.0.keep.or.1.column: x is no column of accounts"),
        ({"filters": keeping(column="name", operator="filled", values=1)},
         "filters.accounts.0.keep.values is unknown: correct the name, or remove it (did you mean value?)"),
        ({"filters": keeping(**{"and": []})}, "filters.accounts.0.keep.and is a list: write at least 1 of them"),
        ({"filters": {"accounts": [{"name": "Pilot", "keep": {"column": "name", "operator": "filled"}}]}},
         "filters.accounts.0.name is 'Pilot': write small letters, digits and underscores, such as pilot"),
        ({"filters": {"products": [{"name": "pilot", "keep": {"column": "productname", "operator": "filled"}}]}},
         "filters.products.0.keep.column: productname is no column of SellableReleasedProducts: did you mean ProductName?"),
        ({"policies": {"leads": {}}}, "policies.leads is unknown: write 'accounts', 'contacts', 'products'"),
        ({"policies": {"accounts": {"on_conflict": "ask"}}},
         "policies.accounts.on_conflict is 'ask': write 'source_wins', 'target_wins' or 'stop'"),
        ({"policies": {"accounts": {"on_target_deleted": "cry"}}},
         "policies.accounts.on_target_deleted is 'cry': write 'recreate', 'unlink' or 'list'"),
        ({"policies": {"accounts": {"on_existing": "merge"}}},
         "policies.accounts.on_existing is 'merge': write 'reject' or 'adopt'"),
        ({"policies": {"accounts": {"on_lunch": "stop"}}},
         "policies.accounts.on_lunch is unknown: correct the name, or remove it"),
        ({"policies": {"orders": {"on_conflict": "stop"}}},
         "policies.orders.on_conflict is 'stop', and an order is sent once, so nothing of it is written over: remove it"),
        ({"policies": {"orders": {"on_target_deleted": "recreate"}}},
         "policies.orders.on_target_deleted is 'recreate', and an order that was deleted is never sent again by itself: "
         "write unlink or list, or remove it"),
        ({"policies": {"invoices": {"on_conflict": "target_wins"}}},
         "policies.invoices.on_conflict is 'target_wins', and an invoice is written once, and a difference is listed: remove it"),
        ({"policies": {"invoices": {"on_target_deleted": "recreate"}}},
         "policies.invoices.on_target_deleted is 'recreate', and an invoice that was deleted is created again by an operator "
         "only: write unlink or list, or remove it"),
        ({"value_maps": {"industries": {"Retail": True}}}, "value_maps.industries.Retail is True: write"),
        ({"text_lengths": {**LENGTHS, "CustomersV3": {"OrganizationName": 500}}},
         "text_lengths.CustomersV3.OrganizationName: 500: the length of OrganizationName, 100, is verified and cannot"),
        ({"text_lengths": {**LENGTHS, "CustomersV3": {"NameAlias": 21}},
          "fields": {"accounts": {"NameAlias": {"word": "copy", "from": "name"}}}},
         "text_lengths.CustomersV3.NameAlias: 21: the length of NameAlias, 20, is verified and cannot"),
        ({"text_lengths": {**LENGTHS, "CustomersV3": {"ContosoRoute": None}},
          "own_columns": {"CustomersV3": {"ContosoRoute": {"type": "text", "length": 8}}},
          "fields": {"accounts": {"ContosoRoute": {"word": "copy", "from": "name"}}}},
         "text_lengths.CustomersV3.ContosoRoute: null: the length of ContosoRoute, 8, stands in own_columns.CustomersV3 "),
    ],
)  # fmt: skip
def test_a_wrong_part_has_one_message(parts: dict[str, Json], told: str) -> None:
    (message,) = mistakes(**parts)
    assert message.startswith(told), message


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        ({"account": {}}, "own_columns.account: account is no table or collection that a mapping reads or writes: "
         "did you mean accounts?"),
        ({"accounts": {"new_x": {"type": "colour"}}}, "own_columns.accounts.new_x.type is 'colour': write 'text'"),
        ({"CustomersV3": {"X": {"type": "member"}}}, "own_columns.CustomersV3.X: an enumeration needs"),
        ({"contacts": {"governmentid": {"type": "text"}}},
         "own_columns.contacts.governmentid: governmentid is never mapped: remove it"),
        ({"accounts": {"new_x": {"type": "date", "length": 5}}},
         "own_columns.accounts.new_x: `length` belongs to the type text, and the type here is date"),
    ],
)  # fmt: skip
def test_a_wrong_column_of_ones_own_has_one_message(columns: Json, told: str) -> None:
    with pytest.raises(SettingsInvalid) as refused:
        check(document(countries={}, states={}, own_columns=columns))
    (message,) = [line.strip() for line in str(refused.value).splitlines() if line.startswith("  ")]
    assert message.startswith(told), message


SEVERAL_OF_ONE: dict[str, tuple[Json, list[str]]] = {
    "its columns, its values and its length": (
        {
            "NameAlias": word(
                "rules",
                rules=[
                    {"when": {"column": "sicc", "operator": "filled"}, "value": "x" * 30},
                    {"when": {"column": "customertypecode", "operator": "eq", "value": "x"}, "value": 5},
                ],
                otherwise=6,
                length=50,
            )
        },
        [
            "length: 50: NameAlias takes 20 characters at most",
            "rules.0.when.column: sicc is no column of accounts",
            "rules.1.when.value: 'x': customertypecode holds a number",
            "rules.1.value: 5: NameAlias takes a text",
            "otherwise: 6: NameAlias takes a text",
            "rules.0.value has 30 characters",
        ],
    ),
    "its word and each of its columns": (
        {"CreditLimit": word("joined", source=["nmae", "sicc"])},
        [
            "word: joined: CreditLimit takes a number",
            "from.0: nmae is no column of accounts",
            "from.1: sicc is no column of accounts",
        ],
    ),
    "its field and its columns": (
        {"NameAlais": word("first_of", source=["nmae", "sicc"])},
        ["NameAlais is no field of CustomersV3", "from.0: nmae is no column", "from.1: sicc is no column"],
    ),
    "its options and their counterparts": (
        {"OnHoldStatus": word("option", source="accountcategorycode", to={"A": "Everything", "1": "Nothing"})},
        ["to.A: 'Everything': OnHoldStatus takes", "to.1: 'Nothing': OnHoldStatus takes", "to.A: 'A' is no option"],
    ),
    "its map and its column": (
        {"LineOfBusinessId": word("value_map", source="sicc", map="industries")},
        ["map: 'industries' is not in `value_maps`", "from: sicc is no column of accounts"],
    ),
    "its form and its column": (
        {"NameAlias": word("copy", source="nmae", length=0)},
        ["length is 0: write a whole number above 0", "from: nmae is no column of accounts"],
    ),
    "its word and its column, of a date": (
        {"SalesMemo": word("day", source="nmae")},
        ["word: day: SalesMemo takes a text", "from: nmae is no column of accounts"],
    ),
    "its word and its column, of yes and no": (
        {"NameAlias": word("yes_no", source="name")},
        ["word: yes_no: NameAlias takes a text", "from: name is a text: this word reads yes or no"],
    ),
}


@pytest.mark.parametrize(("fields", "told"), SEVERAL_OF_ONE.values(), ids=SEVERAL_OF_ONE)
def test_all_that_is_wrong_with_one_entry_is_told_together(fields: Json, told: list[str]) -> None:
    found = mistakes(fields={"accounts": fields})
    assert len(found) == len(told), found
    assert [each for each in told if not any(each in line for line in found)] == []


def test_a_lookup_tells_all_that_is_wrong_with_it() -> None:
    found = mistakes(fields={"products": {"primaryunit": word("lookup", source="VendorId", by="name")}})
    assert [line.partition(":")[0] for line in found] == [
        "fields.products.primaryunit",
        "fields.products.primaryunit.from",
    ]


@pytest.mark.parametrize(
    ("parts", "told"),
    [
        ({"countries": {"": "US"}}, ["countries.'' is a wrong name: write at least one character"]),
        ({"countries": {" ": "US"}}, ["countries.' ' is a wrong name: write at least one character that is not blank"]),
        ({"currencies": {"usd": "x"}}, [
            "currencies.usd is a wrong name: write the ISO 4217 code, three capital letters such as USD",
            "currencies.usd is 'x': write the ISO 4217 code, three capital letters such as USD",
        ]),
        ({"own_columns": {"acounts": {}, "contcts": {}}}, [
            "own_columns.acounts: acounts is no table or collection that a mapping reads or writes: did you mean accounts?",
            "own_columns.contcts: contcts is no table or collection that a mapping reads or writes: did you mean contacts?",
        ]),
        ({"fields": {"acounts": {"": "off"}}}, ["fields.acounts is unknown: ", "fields.acounts.'' is a wrong name: "]),
    ],
)  # fmt: skip
def test_a_wrong_name_is_told_at_its_place_like_any_other_mistake(parts: dict[str, Json], told: list[str]) -> None:
    found = mistakes(**parts)
    assert [line[: len(each)] for line, each in zip(found, told, strict=True)] == told


def test_mistakes_of_several_mappings_are_told_together() -> None:
    told = mistakes(
        fields={
            "accounts": {"PartyType": "off"},
            "contact_persons": {"LastName": "off"},
            "orders": {"Email": "owned"},
            "order_lines": {"SalesPrice": "off"},
            "products": {"name": "off"},
        }
    )
    assert len(told) == 5


@pytest.mark.parametrize("part", [part for flow in FLOWS for part in flow.ownership])
def test_every_mapping_refuses_a_field_that_it_does_not_have(part: str) -> None:
    assert mistakes(fields={part: {"Zzz": "off"}}) == [
        f"fields.{part}.Zzz is not a field of this mapping: remove it, or give it a `word` to map it"
    ]


@pytest.mark.parametrize(
    ("parts", "place", "meant"),
    [
        ({"own_colums": {}}, "own_colums is unknown", "own_columns"),
        ({"contries": {}}, "contries is unknown", "countries"),
        ({"policies": {"acounts": {}}}, "policies.acounts is unknown", "accounts"),
        ({"policies": {"accounts": {"on_conflit": "stop"}}}, "policies.accounts.on_conflit is unknown", "on_conflict"),
        ({"policies": {"accounts": {"on_conflict": "source_win"}}}, "policies.accounts.on_conflict", "source_wins"),
        ({"fields": {"accounts": {"NameAlias": word("coppy", source="name")}}}, "fields.accounts.NameAlias", "copy"),
        (
            {"fields": {"accounts": {"NameAlias": word("copy", source="name", lengthof=3)}}},
            "fields.accounts.NameAlias.lengthof: `copy` takes no `lengthof`",
            "length",
        ),
    ],
)
def test_a_misspelt_name_is_told_with_the_one_that_was_meant(parts: dict[str, Json], place: str, meant: str) -> None:
    (message,) = mistakes(**parts)
    assert message.startswith(place)
    assert f"(did you mean {meant}?)" in message


def places_of(value: Json, place: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The place of everything in a document."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, each in inner:
        yield (*place, name)
        yield from places_of(each, (*place, name))


CONTOSO = {**map_source(str(ROOT / "examples" / "contoso.yaml")).content(), "countries": {}, "states": {}}  # type: ignore[dict-item]


# What is declared wrongly is also wrong where it is named.
DECLARING = ("own_columns", "value_maps")
PLACES = [place for place in places_of(CONTOSO) if place[0] not in DECLARING]


@given(st.sampled_from(PLACES), st.sampled_from([5, [], {"zz": 1}, None, "%%"]))
def test_what_is_wrong_at_one_place_is_told_there_and_nowhere_else(place: tuple[str | int, ...], wrong: Json) -> None:
    content: Any = exact_json.loads(exact_json.dumps(CONTOSO))
    within = content
    for part in place[:-1]:
        within = within[part]
    within[place[-1]] = wrong
    root = ".".join(map(str, place))
    told = mistakes_of(content)
    # Two values that do not go together are told at what holds them.
    assert [line for line in told if not line.startswith(root) and not root.startswith(re.split("[: ]", line)[0])] == []


LATER = "Further checks follow once these are corrected."


@pytest.mark.parametrize(
    ("parts", "left_out"),
    [
        ({"fields": of_accounts(NameAlias=word("copy"))}, True),
        ({"fields": of_accounts(NameAlias=word("copy", source="nmae"))}, False),
        ({"comments": {}, "fields": of_accounts(NameAlias=word("copy", source="nmae"))}, False),
        (
            {"fields": of_accounts(NameAlias=word("copy", source="nmae")), "results": {"accounts": {"state": "new_s"}}},
            True,
        ),
    ],
)
def test_a_document_that_could_not_be_checked_further_says_so_at_the_end(
    parts: dict[str, Json], left_out: bool
) -> None:
    with pytest.raises(SettingsInvalid) as refused:
        check(document(**{"countries": {}, "states": {}, **parts}))
    assert (str(refused.value).splitlines()[-1] == LATER) is left_out


@pytest.mark.parametrize("text", ['{"countries": {}, "countries": {}}', "countries: {}\ncountries: {}\n"])
def test_a_name_that_occurs_twice_leaves_every_other_check_for_later(text: str) -> None:
    with pytest.raises(SettingsInvalid) as refused:
        FLOWS.deployment(FLOWS.read_settings({**SETTINGS, "MAP_DOCUMENT": text}))
    assert str(refused.value).splitlines()[-1] == LATER
