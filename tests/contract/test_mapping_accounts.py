"""What the accounts mapping relies on in both systems besides names and types (see test_mapping_schema)."""

import json
from pathlib import Path
from typing import Any

import pytest

from shared.flows.accounts.mapping import TARGET_SET, AccountChoices, AccountMapper, OnHold
from shared.flows.registry import FLOWS
from shared.mapping.addresses import AddressRules
from tests.unit.mapping.samples import account, mapped, maps, owned_as

SCHEMAS = Path(__file__).parents[2] / "local" / "schemas"

# Everything that any deployment can switch on.
WIDEST = AccountMapper(
    maps(fields=owned_as(CreditLimit="owned")),
    AccountChoices(on_hold_when_ended=OnHold.ALL, addresses=AddressRules(county=True, street_number=True)),
)


def entity(file: str, name: str) -> dict[str, Any]:
    """An entity of a schema file."""
    content: dict[str, Any] = json.loads((SCHEMAS / file).read_text(encoding="utf-8"))["entities"][name]
    return content


ACCOUNT = entity("dataverse-schema.json", "account")
FIELDS = {field["name"]: field for field in entity("finops-schema.json", TARGET_SET)["fields"]}
FRESH = {name: field["new_record_value"] for name, field in FIELDS.items() if field.get("new_record_value") in ("", 0)}


def test_an_organisation_without_the_prospect_to_cash_solution_can_answer_the_read() -> None:
    assert {*WIDEST.select} <= {column["name"] for column in ACCOUNT["attributes"]}


@pytest.mark.parametrize("name", sorted(FRESH.keys() & {*WIDEST.table.target_fields}))
def test_a_field_of_a_new_customer_is_blank_as_the_mapping_empties_it(name: str) -> None:
    assert WIDEST.rules.empty(name) == FRESH[name]
    assert WIDEST.rules.agree(name, None, FRESH[name])


def test_the_mandatory_fields_of_a_customer_have_values_for_the_barest_account() -> None:
    mandatory = [name for name, field in FIELDS.items() if field["mandatory"]]
    sent = mapped(AccountMapper(FLOWS.read_map_document(None)), account()).on_create
    assert [name for name in mandatory if not sent[name]] == []


def test_no_field_that_the_server_computes_is_written() -> None:
    computed = {name for name, field in FIELDS.items() if field["read_only"] or field.get("read_only_inferred")}
    assert not computed & {*WIDEST.table.target_fields}


def test_payment_and_delivery_terms_are_not_mapped() -> None:
    assert not {"PaymentTerms", "DeliveryTerms", "DeliveryMode", "DeliveryReason"} & {*WIDEST.table.target_fields}
