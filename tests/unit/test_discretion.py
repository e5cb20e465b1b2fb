"""What a message may show of a value."""

from decimal import Decimal

import pytest
from hypothesis import given

from shared.discretion import HIDDEN, is_harmless, named, shown
from tests.support.secret import SECRETS


@pytest.mark.parametrize(
    "text",
    [
        "",
        "usmf1",
        "0 */15 0-30/5 * Jan-Mar Mon-Fri",
        "2026-02-30",
        "00:05:00",
        "Created,Modified,Rest",
        "Europe/Zurichh",
        "account_number",
        "South Georgia and the South Sandwich Islands",
        "IsContactPersonExternallyMaintained",
        "msdynce_ismaintainedexternally",
        "O'Neil & Söhne (CH)",
        "==",
        ">=",
        "!",
        "Pilot customers!",
        "Pilot_customers_2026",
    ],
)
def test_words_numbers_and_schedules_are_shown(text: str) -> None:
    assert is_harmless(text)
    assert shown(text) == repr(text)
    assert named(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==",
        "AccountName=a;AccountKey=b",
        "https://user@host",
        "p4ssw0rd!",
        "key==",
        "<secret>",
        "a" * 41 + "_2026",
        "3f2504e0-4f89-11d3-9a0c-0305e82c3301",
        "8Q~abcdefghijklmnop",
        "a\nb",
        "\udc80",
        "word " * 20,
        "a" * 41,
    ],
)
def test_what_may_be_a_key_is_not_shown(text: str) -> None:
    assert not is_harmless(text)
    assert shown(text) == HIDDEN
    assert text not in named(text)


@given(SECRETS)
def test_no_key_looks_harmless(secret: str) -> None:
    assert not is_harmless(secret)


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (True, "True"),
        (None, "None"),
        (5, "5"),
        (Decimal("1.50"), "1.50"),
        (10**30, HIDDEN),
        (["key"], "a list"),
        ({"key": 1}, "an object"),
        (b"key", HIDDEN),
    ],
)
def test_of_a_value_of_another_kind_no_more_is_shown_than_what_it_is(value: object, told: str) -> None:
    assert shown(value) == told
