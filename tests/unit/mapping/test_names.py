"""Which columns and navigations are known, and which known name is most like a wrong one."""

import pytest

from shared.mapping.dates import Behavior
from shared.mapping.names import ColumnKind, Name, Names, shipped
from shared.mapping.spelling import nearest

OWN = {
    "accounts": {
        "new_tier": Name(ColumnKind.OPTION),
        "name": Name(ColumnKind.WHOLE),
        "new_Region": Name(ColumnKind.LOOKUP, leads_to="new_regions"),
        "new_Boss": Name(ColumnKind.LOOKUP, leads_to="contacts"),
        "new_Region.new_name": Name(ColumnKind.TEXT, length=30),
    }
}
NAMES = Names(OWN)


@pytest.mark.parametrize(
    ("table", "path", "known"),
    [
        ("accounts", "accountnumber", Name(ColumnKind.TEXT, length=20)),
        ("accounts", "createdon", Name(ColumnKind.DATE, behavior=Behavior.USER_LOCAL, refused="it is read-only")),
        ("accounts", "accountid", Name(ColumnKind.ID, refused="it is the key, which the sync writes itself")),
        ("accounts", "name", Name(ColumnKind.WHOLE)),
        ("accounts", "new_tier", Name(ColumnKind.OPTION)),
        ("accounts", "new_Region.new_name", Name(ColumnKind.TEXT, length=30)),
        ("accounts", "masterid.name", Name(ColumnKind.WHOLE)),
        ("contacts", "parentcustomerid_account.accountnumber", Name(ColumnKind.TEXT, length=20)),
        ("contacts", "new_tier", None),
        ("accounts", "new_Region.other", None),
        ("accounts", "primarycontact.fullname", None),
        ("accounts", "gone", None),
        ("gone", "name", None),
    ],
)
def test_a_column_is_the_documents_own_or_else_a_shipped_one(table: str, path: str, known: Name | None) -> None:
    assert NAMES.find(table, path) == known


def test_a_column_behind_a_lookup_of_ones_own_is_one_of_the_table_to_which_it_leads() -> None:
    found = NAMES.find("accounts", "new_Boss.fullname")
    assert found is not None
    assert found == shipped()["contacts"].names["fullname"]


@pytest.mark.parametrize(
    ("navigation", "way"),
    [
        ("new_Region", ("new_region", "new_regions")),
        ("new_tier", None),
        ("primarycontactid", ("primarycontactid", "contacts")),
        ("CreatedByExternalParty", ("createdbyexternalparty", "externalparties")),
        ("gone", None),
    ],
)
def test_a_navigation_has_its_column_and_its_table(navigation: str, way: tuple[str, str] | None) -> None:
    assert NAMES.way_of("accounts", navigation) == way


def test_the_navigations_of_a_table_are_the_shipped_ones_and_the_lookups_of_ones_own() -> None:
    own = [name for name in NAMES.navigations_of("accounts") if name.startswith("new_")]
    assert own == ["new_Region", "new_Boss"]
    assert set(NAMES.navigations_of("accounts")) - set(own) == set(shipped()["accounts"].lookups)
    assert NAMES.navigations_of("gone") == ()


@pytest.mark.parametrize(
    ("path", "near"),
    [
        ("accountnumbr", "accountnumber"),
        ("NEW_TEIR", "new_tier"),
        ("primarycontactid.fulname", "primarycontactid.fullname"),
        ("primarycontactid.zzzzzzzz", ""),
        ("primarycontct.fulname", "primarycontactid.fulname"),
        ("zzzzzzzz.fullname", ""),
        ("zzzzzzzz", ""),
    ],
)
def test_the_known_name_that_is_most_like_a_wrong_one_is_told(path: str, near: str) -> None:
    assert NAMES.nearest("accounts", path) == near
    told = f"did you mean {near}? One" if near else "one"
    assert NAMES.unknown("accounts", path, "column") == (
        f"{path} is no column of accounts: {told} of your own is declared in `own_columns.accounts`"
    )


def test_names_are_alike_without_case_and_are_told_as_they_are_written() -> None:
    assert nearest("AREAS", ["Area", "area2", "Street"]) == "Area"
    assert nearest("x", []) == ""
