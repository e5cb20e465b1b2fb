"""The names that ship with the app are those of the schemas."""

from local.shipped_names import NEVER, text
from shared.flows.registry import FLOWS
from shared.mapping.names import SHIPPED, ColumnKind, Names, shipped


def test_the_shipped_names_are_those_of_the_schemas() -> None:
    assert SHIPPED.read_text(encoding="utf-8") == text(), "run `python -m local.shipped_names`"


def test_what_is_never_mapped_is_no_known_name() -> None:
    assert not [name for table in shipped().values() for name in table.names if name in NEVER]


def test_every_mapping_of_every_flow_is_between_known_tables() -> None:
    parts = {part for flow in FLOWS for part in flow.lengths} - {"contact_persons", "contact_customers"}
    assert parts <= set(shipped())


def test_a_column_behind_a_lookup_is_found_in_the_table_that_it_leads_to() -> None:
    names = Names({})
    found = names.find("accounts", "primarycontactid.fullname")
    assert found is not None
    assert found.kind is ColumnKind.TEXT
    assert names.find("accounts", "primarycontactid.accountnumber") is None
    assert names.find("quotes", "customerid_account.name") is not None
