"""Change tracking of the simulated Dataverse."""

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import unquote

import pytest

from local.dataverse.settings import Settings, Stamp
from tests.unit.local.dataverse_world import World, code, dataverse

TRACK = "odata.track-changes"


@pytest.fixture
def world() -> Iterator[World]:
    with dataverse() as running:
        yield running


def start(world: World, path: str = "accounts?$select=name") -> str:
    link: str = world.get(path, Prefer=TRACK).json()["@odata.deltaLink"]
    return link


def delta(world: World, link: str, **headers: str) -> dict[str, Any]:
    reply = world.get(link, **headers)
    assert reply.status_code == 200, reply.text
    content: dict[str, Any] = reply.json()
    return content


def test_a_first_read_says_that_tracking_was_applied(world: World) -> None:
    assert TRACK in world.get("accounts?$select=name", Prefer=TRACK).headers["Preference-Applied"]


def test_the_token_is_a_version_and_a_time(world: World) -> None:
    token = start(world).split("$deltatoken=")[1]
    assert re.fullmatch(r"\d+%21\d\d%2f\d\d%2f\d{4}%20\d\d%3a\d\d%3a\d\d", token)
    assert unquote(token).endswith("!01/31/2026 13:05:00")


def test_a_delta_tells_new_changed_and_own_writes_by_version(world: World) -> None:
    old = world.create("accounts", name="old")
    link = start(world)
    new = world.create("accounts", name="new")
    world.patch(f"accounts({old})", {"name": "changed"})
    content = delta(world, link)
    assert content["@odata.context"].endswith("#accounts(name)/$delta")
    assert [(row["accountid"], row["name"]) for row in content["value"]] == [(new, "new"), (old, "changed")]
    assert delta(world, content["@odata.deltaLink"])["value"] == []


def test_deletions_come_after_the_other_changes(world: World) -> None:
    gone = world.create("accounts", name="gone")
    link = start(world)
    world.send("DELETE", f"accounts({gone})")
    kept = world.create("accounts", name="kept")
    changed, deleted = delta(world, link)["value"]
    assert changed["accountid"] == kept
    assert (deleted["id"], deleted["reason"]) == (gone, "deleted")
    assert deleted["@odata.context"].endswith("$metadata#accounts/$deletedEntity")


def test_a_row_created_and_deleted_between_two_reads_is_a_deletion(world: World) -> None:
    link = start(world)
    brief = world.create("accounts", name="brief")
    world.send("DELETE", f"accounts({brief})")
    assert [row["id"] for row in delta(world, link)["value"]] == [brief]


def test_a_row_that_came_back_under_its_id_is_no_deletion(world: World) -> None:
    row_id = world.create("accounts", name="A")
    link = start(world)
    world.send("DELETE", f"accounts({row_id})")
    world.patch(f"accounts({row_id})", {"name": "again"})
    assert [row.get("accountid") for row in delta(world, link)["value"]] == [row_id]


def test_a_change_of_an_unselected_column_is_reported(world: World) -> None:
    row_id = world.create("accounts", name="A")
    link = start(world)
    world.patch(f"accounts({row_id})", {"telephone1": "1"})
    assert len(delta(world, link)["value"]) == 1


def test_an_update_with_equal_values_is_a_change(world: World) -> None:
    row_id = world.create("accounts", name="A")
    link = start(world)
    world.patch(f"accounts({row_id})", {"name": "A"})
    assert len(delta(world, link)["value"]) == 1


def test_the_delta_link_comes_on_the_last_page_only(world: World) -> None:
    for number in range(3):
        world.create("accounts", name=f"A{number}")
    first = world.get("accounts?$select=name", Prefer=f"{TRACK},odata.maxpagesize=2").json()
    assert "@odata.deltaLink" not in first
    assert 'istracking="True"' in unquote(first["@odata.nextLink"])
    last = delta(world, first["@odata.nextLink"], Prefer="odata.maxpagesize=2")
    assert ("@odata.nextLink" in last, "@odata.deltaLink" in last) == (False, True)


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 6])
def test_pages_of_a_delta_tell_every_change_once(world: World, size: int) -> None:
    gone = [world.create("accounts", name=f"gone {number}") for number in range(3)]
    link = start(world)
    new = [world.create("accounts", name=f"new {number}") for number in range(3)]
    for row_id in gone:
        world.send("DELETE", f"accounts({row_id})")
    told: list[str] = []
    for _ in range(10):
        content = delta(world, link, Prefer=f"odata.maxpagesize={size}")
        assert len(content["value"]) <= size
        told += [row.get("accountid") or row["id"] for row in content["value"]]
        if "@odata.deltaLink" in content:
            break
        link = content["@odata.nextLink"]
    assert told == new + gone


def test_a_row_that_changes_between_two_pages_of_a_delta_is_not_lost(world: World) -> None:
    link = start(world)
    rows = [world.create("accounts", name=f"A{number}") for number in range(3)]
    first = delta(world, link, Prefer="odata.maxpagesize=2")
    world.patch(f"accounts({rows[0]})", {"name": "late"})
    last = delta(world, first["@odata.nextLink"], Prefer="odata.maxpagesize=2")
    assert [row["name"] for row in delta(world, last["@odata.deltaLink"])["value"]] == ["late"]


@pytest.mark.parametrize(("stamp", "told"), [(Stamp.LAST_PAGE, []), (Stamp.FIRST_PAGE, ["late"])])
def test_when_the_token_is_stamped_decides_about_changes_during_a_first_read(stamp: Stamp, told: list[str]) -> None:
    with dataverse(settings=Settings(stamp=stamp)) as world:
        ids = sorted(world.create("accounts", name=f"A{number}") for number in range(3))
        first = world.get("accounts?$select=name", Prefer=f"{TRACK},odata.maxpagesize=2").json()
        world.patch(f"accounts({ids[0]})", {"name": "late"})
        last = delta(world, first["@odata.nextLink"], Prefer="odata.maxpagesize=2")
        names = [row["name"] for row in delta(world, last["@odata.deltaLink"])["value"]]
        assert [name for name in names if name == "late"] == told


@pytest.mark.parametrize("option", ["$filter=name eq 'A'", "$orderby=name", "$expand=ownerid", "$top=1"])
def test_options_that_tracking_does_not_take_are_400(world: World, option: str) -> None:
    reply = world.get(f"accounts?$select=name&{option}", Prefer=TRACK)
    assert reply.status_code == 400
    name = option.partition("=")[0]
    text = f'The "{name}" query parameter isn\'t supported when Change Tracking is enabled.'
    assert reply.json()["error"]["message"] == text


def test_a_table_without_tracking_is_400(world: World) -> None:
    assert code(world.get("uoms?$select=name", Prefer=TRACK)) == (400, "0x80072491")


def test_the_flag_is_in_the_metadata(world: World) -> None:
    for table, tracked in (("account", True), ("uom", False)):
        reply = world.get(f"EntityDefinitions(LogicalName='{table}')?$select=ChangeTrackingEnabled")
        assert reply.json()["ChangeTrackingEnabled"] is tracked


def test_a_token_expires_by_its_time() -> None:
    with dataverse(settings_row={"expirechangetrackingindays": 7}) as world:
        link = start(world)
        world.clock.advance(timedelta(days=7))
        assert world.get(link).status_code == 200
        world.clock.advance(timedelta(seconds=1))
        assert code(world.get(link)) == (400, "0x80044352")


def test_delta_links_can_be_refused_on_purpose(world: World) -> None:
    link = start(world)
    world.control("POST", "links", {"refuse_delta": True})
    assert code(world.get(link)) == (400, "0x80044352")


@pytest.mark.parametrize("token", ["x", "1!yesterday", "999999!01/31/2026 13:05:00"])
def test_a_token_of_another_organisation_is_400(world: World, token: str) -> None:
    assert world.get(f"accounts?$select=name&$deltatoken={token}").status_code == 400


def test_the_changes_can_be_counted(world: World) -> None:
    link = start(world)
    world.create("accounts", name="A")
    token = link.split("$deltatoken=")[1]
    assert world.get(f"accounts/$count?$deltatoken={token}").text == "1"


def test_a_delta_link_survives_a_restart(tmp_path_factory: pytest.TempPathFactory) -> None:
    file = tmp_path_factory.mktemp("rows") / "rows.sqlite"
    with dataverse(file=file) as world:
        link = start(world)
        gone = world.create("accounts", name="A")
        world.send("DELETE", f"accounts({gone})")
    with dataverse(file=file) as again:
        assert [row["id"] for row in delta(again, link.replace(world.origin, again.origin))["value"]] == [gone]
