"""What several flows make of settings."""

from datetime import date
from zoneinfo import ZoneInfo

import pytest

from shared.flows.choices import address_rules_of, scope_of
from shared.mapping.addresses import AddressRules
from shared.mapping.scope import Scope
from tests.unit.test_settings import read


@pytest.mark.parametrize(
    ("setting", "value", "rules"),
    [
        ("UNKNOWN_STATE", "leave_out", AddressRules(leave_unknown_state_out=True)),
        ("STATE_WITHOUT_LIST", "send", AddressRules(send_state_without_list=True)),
        ("MAP_COUNTY", "true", AddressRules(county=True)),
        ("MAP_STREET_NUMBER", "true", AddressRules(street_number=True)),
    ],
)
def test_each_setting_of_addresses_changes_its_own_rule_and_no_other(
    setting: str, value: str, rules: AddressRules
) -> None:
    assert address_rules_of(read(**{setting: value})) == rules
    assert address_rules_of(read()) == AddressRules()


@pytest.mark.parametrize(
    ("text", "linked_only", "since"),
    [("all", False, None), ("linked", True, None), ("2026-07-01", False, date(2026, 7, 1))],
)
def test_a_scope_takes_all_records_linked_ones_or_those_changed_since_a_day_of_the_business(
    text: str, linked_only: bool, since: date | None
) -> None:
    assert scope_of(text, read(BUSINESS_TIME_ZONE="Europe/Zurich")) == Scope(
        linked_only, since, ZoneInfo("Europe/Zurich")
    )
