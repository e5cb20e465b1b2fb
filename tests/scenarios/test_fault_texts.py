"""Text that nobody expects: it arrives as it is, or its record is rejected by name. It never harms another record."""

import pytest

from shared.systems import System
from tests.support.invariants import check
from tests.support.product import Product
from tests.support.world import World

EMOJI = "\N{GRINNING FACE}"
NAME_LENGTH = 100

ARRIVES = {
    "right to left": "\u202eאבג\u202c שלום مرحبا",
    "quotes": "O'Neil \"the\" `1st` ''--",
    "script": "<script>alert('x')</script> & Co. &amp; %27",
    "formula": '=HYPERLINK("https://example.com")',
    "filter": "x' or CustomerAccount ne '",
    "braces": '{"a": [null]} {{0}} %s ${HOME}',
    "back slashes": "C:\\temp\\ \\u0000 \\",
    "white space inside": "a\u00a0b\u2003c\u200bd",
    "combining": "Z\u0361a\u0308l\u0336go e\u0301",
    "not a character": "a\ufffe\uffffb",
    "emoji": f"{EMOJI}\N{ZERO WIDTH JOINER}{EMOJI}\N{VARIATION SELECTOR-16}",
    "at the limit": "x" * NAME_LENGTH,
    "emoji at the limit": "x" * (NAME_LENGTH - 2) + EMOJI,
    "emoji only, at the limit": EMOJI * (NAME_LENGTH // 2),
    "a word of another type": "null",
}
REJECTED = {
    "NUL": ("a\0b", "text_not_allowed"),
    "escape": ("a\x1b[31mb", "text_not_allowed"),
    "line break": ("a\u0085b", "text_not_allowed"),
    "beyond the limit": ("x" * (NAME_LENGTH + 1), "text_too_long"),
    "half an emoji beyond the limit": ("x" * (NAME_LENGTH - 1) + EMOJI, "text_too_long"),
    "emoji beyond the limit": (EMOJI * (NAME_LENGTH // 2 + 1), "text_too_long"),
}


@pytest.mark.parametrize("name", ARRIVES.values(), ids=ARRIVES)
def test_a_hostile_name_arrives_as_it_is_and_is_written_once(sync: Product, name: str) -> None:
    id = sync.account("A-1", name=name)
    sync.tick()
    assert sync.failure(id) is None
    assert (sync.customer("A-1") or {})["OrganizationName"] == name
    before = sync.service.systems[System.FINOPS].requests  # type: ignore[attr-defined]
    sync.edit(id, name=name, telephone1="1")
    sync.tick()
    after = sync.service.systems[System.FINOPS].requests  # type: ignore[attr-defined]
    assert after.writes == before.writes + 1
    assert (sync.customer("A-1") or {})["OrganizationName"] == name


@pytest.mark.parametrize(("name", "cause"), REJECTED.values(), ids=REJECTED)
def test_a_name_that_finops_cannot_hold_is_rejected_by_name_and_the_others_are_written(
    sync: Product, name: str, cause: str
) -> None:
    bad = sync.account("A-1", name=name)
    good = sync.account("A-2")
    sync.tick()
    failure = sync.failure(bad)
    assert failure is not None
    assert failure.cause == cause
    assert "name" in failure.message
    assert "\0" not in failure.message
    assert sync.failure(good) is None
    assert sync.customers() == 1
    sync.edit(bad, name="Corrected")
    sync.tick()
    assert (sync.customer("A-1") or {})["OrganizationName"] == "Corrected"


@pytest.mark.parametrize("text", ["x" * 10_000, EMOJI * 5_000, "'\"\\\n" * 2_500], ids=["letters", "emoji", "escapes"])
def test_a_text_of_10_kb_is_kept_and_compared_like_any_other(text: str) -> None:
    world = World()
    world.source.save("p1", number="P1", name=text)
    world.source.save("p2", number="P2", name="Neighbour")
    world.settle()
    check(world)
    assert world.target.rows["p1"]["name"] == text
    writes = len(world.target.writes)
    world.source.save("p1", name=text)
    world.source.save("p2", name="Changed")
    world.settle()
    check(world)
    assert len(world.target.writes) == writes + 1
