"""The console over HTTP: what it shows, what it changes, and whom it lets in. In a real browser: tests/e2e."""

import itertools
import json
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import partial
from html import unescape
from pathlib import Path
from queue import Queue
from threading import Event, Thread
from typing import Any
from urllib.parse import quote

import pytest
import requests
from starlette.requests import Request

from local.simulator.faults import Kind as FaultKind
from local.simulator.faults import Rule
from p2c import console as console_package
from p2c.commands import console as command
from p2c.console import jobs
from p2c.console.counting import Counting, Courtesy
from p2c.console.jobs import Job, Jobs
from p2c.console.languages import LANGUAGES, chosen
from p2c.console.pages.overview import live
from p2c.console.site import Site
from shared.errors import StorageTrouble
from shared.flows.checks import CheckResult
from shared.invocations import in_context
from shared.mapping.map_source import SHIPPED
from shared.mapping.verdicts import Parent
from shared.operations.read_later import ReadLaterTable, reading_later
from shared.operations.records_list import STATES
from shared.operations.sender import Sender
from shared.operations.status import RecordCounts
from shared.state.audit import AuditEntry
from shared.state.failures import Failure
from shared.state.history import history_row
from shared.state.links import Link, LinkState
from shared.state.runs import Run
from shared.state.storage.tables import Put
from shared.state.waiting import Wait
from shared.sync.apply.outcome import Kind
from tests.support.consoled import Consoled, consoled
from tests.support.operator import ToProduct, operated, p2c
from tests.support.product import FLOW, Product, product
from tests.support.trading import trading

PAGES = ["/", "/live", "/causes", "/records", "/runs", "/audit", "/plan", "/preflight", "/map", f"/plan?flow={FLOW}"]
MARKUP = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>{{7*7}}"


@pytest.fixture
def console(sync: Product) -> Iterator[Consoled]:
    """A console that may change things."""
    with consoled(sync) as made:
        yield made


@pytest.fixture
def showing(sync: Product) -> Iterator[Consoled]:
    """A console that only shows."""
    with consoled(sync, writes=False) as made:
        yield made


@pytest.fixture
def keeping() -> Iterator[Product]:
    """A deployment that keeps values in its history."""
    with product(HISTORY_VALUES_DAYS="10") as made:
        yield made


# --- whom it lets in --------------------------------------------------------------------------------------------------


def test_nobody_without_the_address_sees_anything(console: Consoled) -> None:
    for path in (*PAGES, "/?key=", "/?key=wrong", "/nothing"):
        stranger = requests.get(console.url(path), timeout=30)
        assert stranger.status_code == 403, path
        assert "accounts" not in stranger.text


def test_the_secret_leaves_the_address_and_becomes_a_cookie_of_this_site_only(console: Consoled) -> None:
    first = requests.get(console.address, allow_redirects=False, timeout=30)
    assert (first.status_code, first.headers["Location"]) == (303, "/")
    cookie = first.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert console.address.rpartition("=")[2] not in cookie


def test_a_name_that_leads_to_loopback_is_not_served(console: Consoled) -> None:
    for host in ("evil.example", "evil.example:80", "127.0.0.1", "127.0.0.1.evil.example:1"):
        assert console.get("/", Host=host).status_code == 421, host


def test_every_answer_keeps_the_browser_careful(console: Consoled) -> None:
    for path in (*PAGES, "/static/console.css", "/nothing", "/?key=wrong"):
        headers = console.get(path).headers
        assert "default-src 'none'" in headers["Content-Security-Policy"], path
        assert "unsafe" not in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "same-origin"
    assert console.get("/").headers["Cache-Control"] == "no-store"


def test_a_form_of_another_page_changes_nothing(sync: Product, console: Consoled) -> None:
    token = console.token
    for form, origin in (
        ({"flow": FLOW}, None),
        ({"flow": FLOW, "token": "0" * 64}, None),
        ({"flow": FLOW, "token": token}, "http://evil.example"),
        ({"flow": FLOW, "token": token}, "null"),
    ):
        assert console.post("/pause", form, origin=origin).status_code == 403
    assert not sync.state.control.flow(FLOW).paused
    assert sync.state.audit.latest(9) == []


def test_a_console_that_only_shows_has_no_forms_and_takes_none(sync: Product, showing: Consoled) -> None:
    sync.account("A-1", address1_country="Atlantis")
    sync.tick()
    for path in ("/", "/causes", f"/failures?flow={FLOW}&cause=country_unknown"):
        assert 'name="token"' not in showing.page(path)
    for act in ("/retry", "/dismiss", "/assign", "/sync", "/repair", "/link", "/pause", "/resume", "/undo", "/resolve"):
        assert showing.post(act, {"flow": FLOW}).status_code == 403
    assert sync.state.audit.latest(9) == []


def test_a_form_larger_than_any_of_ours_is_refused(console: Consoled) -> None:
    assert console.post("/retry", {"flow": FLOW, "id": "x" * 300_000}).status_code == 413


# --- what it shows ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", ["en", "de"])
def test_every_page_answers_in_every_language(sync: Product, console: Consoled, language: str) -> None:
    (id,) = sync.linked(1)
    sync.account("A-2", address1_country="Atlantis")
    sync.tick()
    record = f"/record?flow={FLOW}&id={id}"
    for path in (*PAGES, record, f"/failures?flow={FLOW}&cause=country_unknown", "/preflight?run=1"):
        shown = console.page(path, **{"Accept-Language": f"{language}-CH,fr;q=0.8"})
        if path != "/live":
            assert f'<html lang="{language}">' in shown


def test_the_languages_have_the_same_texts_with_the_same_values() -> None:
    words = ("standing.", "state.", "verdict.", "outcome.")
    texts = {
        code: {key: text for key, text in language.texts.items() if not key.startswith(words)}
        for code, language in LANGUAGES.items()
    }
    assert texts["en"].keys() == texts["de"].keys()
    for key, text in texts["en"].items():
        assert _names(text) == _names(texts["de"][key]), key


def test_no_text_is_missing_and_none_is_unused() -> None:
    folder = Path(console_package.__file__).parent
    sources = "\n".join(
        file.read_text(encoding="utf-8") for file in sorted(folder.rglob("*")) if file.suffix in (".html", ".py")
    )
    calls = re.findall(r"\bt\(([^)]*)\)", sources) + re.findall(r"\.text\(([^)]*)\)", sources)
    used = {key for call in calls for key in re.findall(r'"([\w.]+)"', call.split(",")[0])} - {"nav."}
    used |= {f"nav.{name}" for name in re.findall(r'\("/\w*", "(\w+)"\)', sources)}
    used |= {f"done.{done}" for done in re.findall(r'done="(\w+)"', sources)}
    used |= {f"done.{done}" for done in re.findall(r'_back\(request, flow, "(\w+)"', sources)}
    used |= {"done.paused", "done.resumed"}
    assert used == set(LANGUAGES["en"].texts)


def test_german_has_a_word_for_every_state_outcome_standing_and_result_of_a_check() -> None:
    words = {
        "state": STATES,
        "outcome": tuple(Kind),
        "standing": ("off", "blocked", "paused", "late", "runs"),
        "verdict": tuple(CheckResult),
    }
    german = LANGUAGES["de"].texts
    assert [
        f"{group}.{word}" for group, each in words.items() for word in each if f"{group}.{word}" not in german
    ] == []


def _names(text: str) -> set[str]:
    return {part.split("}")[0].split(":")[0].split("!")[0] for part in text.split("{")[1:]}


def test_a_language_that_was_chosen_beats_that_of_the_browser(console: Consoled) -> None:
    assert chosen("de", "en").code == "de"
    assert chosen("xx", "fr, de;q=0.5").code == "de"
    assert chosen("", "").code == "en"
    assert '<html lang="de">' in console.page("/language?to=de&back=/causes")
    assert '<html lang="de">' in console.page("/causes")
    for elsewhere in ("//evil.example/", "https://evil.example/", "/\\evil.example"):
        answered = console.user.get(
            console.url("/language"), params={"to": "en", "back": elsewhere}, allow_redirects=False, timeout=30
        )
        assert answered.headers["Location"] == "/"


def test_no_text_of_a_record_is_markup(sync: Product, console: Consoled) -> None:
    id = sync.account("A-1", name=MARKUP, address1_country=MARKUP, address1_city=MARKUP)
    sync.tick()
    failure = sync.failure(id)
    assert failure is not None
    sync.finops.customer(CustomerAccount="A-2", OrganizationName=MARKUP)
    paths = (
        f"/record?flow={FLOW}&id={id}",
        "/causes",
        f"/failures?flow={FLOW}&cause={failure.cause}",
        "/plan?flow=accounts",
    )
    for path in (*paths, "/find?q=" + quote(MARKUP)):
        shown = console.get(path).text
        assert "<script>alert" not in shown, path
        assert "<img" not in shown


def test_no_text_of_any_row_is_markup_or_obeyed(sync: Product, console: Consoled) -> None:
    """Everything that is kept: what both systems say, what operators write, and what a row may hold by damage."""
    hostile = f"{MARKUP}\x1b[31m\u202e"
    (id,) = sync.linked(1)
    sync.edit(id, **dict.fromkeys(("name", "description", "address1_city"), MARKUP))
    failed = sync.account("A-1", address1_country="Atlantis")
    sync.tick()
    failure = sync.failure(failed)
    assert failure is not None
    said = replace(failure, message=hostile, remedy=hostile, cause=hostile, value=hostile, number=hostile)
    sync.state.failures.put(replace(said, assigned=hostile, note=hostile))
    time = sync.clock.now()
    values = {hostile: (hostile, hostile)}
    entry = history_row(
        FLOW, id, time=time, claim="c", run=hostile, outcome=hostile, fields=hostile, why=hostile, values=values
    )
    sync.state.links.table.transact([Put(entry)])
    link = Link(FLOW, "0", state=LinkState.FILTERED, rule=hostile, target_key=hostile)
    sync.state.links.table.transact([Put(link.to_row())])
    sync.state.runs.add(Run(FLOW, hostile, hostile, time, 1.0, {"pages": 1}))
    sync.state.audit.add(AuditEntry(time, hostile, hostile, FLOW, hostile, hostile), "1")
    sync.state.control.change_flow(FLOW, lambda now: replace(now, blocked=hostile))
    assert "&lt;script&gt;" in console.page("/audit")
    paths = (
        *PAGES,
        *(f"/record?flow={FLOW}&id={each}" for each in (id, failed, quote(hostile))),
        f"/failures?flow={FLOW}&cause={quote(hostile)}",
        f"/records?flow={FLOW}&rule={quote(hostile)}",
        f"/undo?flow={FLOW}&id={id}",
        f"/children?flow={FLOW}&id={quote(hostile)}",
        f"/children?flow={FLOW}&id={failed}&after={quote(hostile)}&shown={quote(hostile)}",
        f"/find?q={quote(hostile)}",
        f"/?done={quote(hostile)}&count={quote(hostile)}",
    )
    for path in paths:
        shown = console.get(path).text
        assert "<script>alert" not in shown, path
        assert "<img" not in shown, path
        assert not {"\x1b", "\u202e"} & set(shown), path


def test_a_control_character_is_shown_as_its_number(sync: Product, console: Consoled) -> None:
    sync.account("A-1", name="Red \x1b[31mname\u202e")
    sync.tick()
    shown = console.page("/causes")
    assert "\x1b" not in shown
    assert "\u202e" not in shown


def test_a_record_is_found_by_its_number_its_id_and_its_address(sync: Product, console: Consoled) -> None:
    (id,) = sync.linked(1)
    for text in ("A-0", id.upper(), f"https://x.example/main.aspx?etn=account&id={id}"):
        assert "there is nothing to write" in console.page(f"/find?q={quote(text)}")
    nothing = console.get("/find?q=A-9")
    assert nothing.status_code == 404
    assert "A-9" in nothing.text


def test_a_record_of_which_only_a_history_remains_is_found_in_its_flow(sync: Product, console: Consoled) -> None:
    id = "9a1f3f60-8a3c-4b53-9d53-0d1d7a5f2c11"
    entry = history_row(
        FLOW, id, time=sync.clock.now(), claim="c", run="run-1", outcome="deleted", fields="", sent_by="s"
    )
    sync.state.links.table.transact([Put(entry)])
    nothing = console.get(f"/find?q={id}")
    assert nothing.status_code == 404
    assert f'href="/find?flow={FLOW}&amp;q={id}"' in nothing.text
    assert "run-1" in console.page(f"/find?flow={FLOW}&q={id}")
    assert console.get(f"/find?flow=contacts&q={id}").status_code == 400


def test_a_record_shows_both_sides_and_what_others_have_changed(sync: Product, console: Consoled) -> None:
    (id,) = sync.linked(1)
    url = "CustomersV3(dataAreaId='usmf',CustomerAccount='A-0')"
    assert sync.finops.patch(url, {"OrganizationName": "By hand"}, {"cross-company": "true"}).status_code == 204
    shown = console.page(f"/record?flow={FLOW}&id={id}")
    assert "By hand" in shown
    assert "changed there since" in shown


def test_a_record_shows_what_waits_for_it() -> None:
    with trading() as desk, consoled(desk) as console:
        account = desk.account("A-1", address1_country="Atlantis")
        contact = desk.contact(account)
        desk.tick()
        path = f"/children?flow={FLOW}&id={account}"
        assert f'hx-get="{path.replace("&", "&amp;")}"' in console.page(f"/record?flow={FLOW}&id={account}")
        assert f"/record?flow=contacts&amp;id={contact}" in console.page(path)


def test_what_waits_for_a_record_at_several_places_is_shown_once_however_slowly_they_are_read() -> None:
    with trading() as desk, consoled(desk) as console:
        account = desk.account("A-1")
        desk.tick()
        at_places = [
            Wait("contacts", "c-1", "accounts", "customer", account),
            Wait("contacts", "c-1", "CustomersV3", Parent.BY_KEY, "a-1"),
            Wait("quotations", "Q-1", "accounts", "customer", account),
        ]
        for wait in at_places:
            desk.state.links.table.transact([Put(wait.to_row())])
        # A second passes between two looks at the clock, so each answer has one place.
        desk.clock.looked = lambda: desk.clock.sleep(1)
        shown, parts, path = "", 0, f"/children?flow={FLOW}&id={account}"
        while path:
            part = console.page(path)
            following = re.search(r'hx-get="([^"]+)"', part)
            shown, parts, path = shown + part, parts + 1, unescape(following[1]) if following else ""
    assert re.findall(r"/record\?flow=(\w+)&amp;id=([\w-]+)", shown) == [("contacts", "c-1"), ("quotations", "Q-1")]
    assert shown.count("<h2>") == 1
    assert parts > 3


def test_a_quote_leads_to_its_customer_and_to_its_products() -> None:
    with trading() as desk, operated(desk), consoled(desk) as console:
        account = desk.account("A-1")
        desk.tick()
        _, number = desk.quote(account, lines=2)
        desk.tick()
        shown = console.page(f"/record?flow=quotations&id={number}")
        for link in (f"/record?flow=accounts&amp;id={account}", "/record?flow=products&amp;id=P-1"):
            assert shown.count(link) == 1
        product = (desk.product("P-1") or {})["productid"]
        explained = p2c("explain", "quotations", number)
        assert (
            f"refers to products P-1: {desk.settings.DATAVERSE_URL}/main.aspx?pagetype=entityrecord&etn=product"
            in explained
        )
        assert product in explained


def test_a_count_of_many_records_reads_nothing_while_a_page_is_made(sync: Product) -> None:
    courtesy, going_on = Courtesy(), Event()
    table = ReadLaterTable(sync.state.links.table)

    def count(_: Callable[[int], None]) -> int:
        table.read(FLOW, ["L|1"])
        going_on.set()
        return 2

    counting = Counting(count, sync.clock, courtesy)
    with courtesy.page():
        # What only one asks for is not waited for here: it is counted when no page is made.
        assert counting.latest(0) is None
        assert not going_on.wait(0.1)
        table.read(FLOW, ["L|1"])
        # A page that waits for a count lets it read.
        assert counting.latest(30) == 2


def test_what_a_count_lets_other_threads_read_waits_for_its_turn_too(sync: Product) -> None:
    turns: list[str] = []
    table = ReadLaterTable(sync.state.links.table)

    def turn_of(name: str) -> AbstractContextManager[None]:
        turns.append(name)
        return nullcontext()

    with ThreadPoolExecutor(1) as pool, reading_later(partial(turn_of, "count")):
        with reading_later(partial(turn_of, "part")):
            in_context(pool, lambda: table.read(FLOW, ["L|1"])).result()
        table.read(FLOW, ["L|1"])
    table.read(FLOW, ["L|1"])
    assert turns == ["part", "count"]


def test_two_counts_do_not_read_at_once() -> None:
    courtesy, asks, is_next = Courtesy(), Event(), Event()

    def read() -> None:
        asks.set()
        with courtesy.turn():
            is_next.set()

    second = Thread(target=read)
    with courtesy.turn():
        second.start()
        assert asks.wait(30)
        assert not is_next.wait(0.1)
    assert is_next.wait(30)
    second.join()


def test_a_count_rests_after_a_page_which_may_lead_to_the_next_one_unless_a_page_waits_for_it() -> None:
    courtesy, asks, is_read = Courtesy(rest_s=3600), Event(), Event()

    def read() -> None:
        asks.set()
        with courtesy.turn():
            is_read.set()

    with courtesy.page():
        pass
    reading = Thread(target=read)
    reading.start()
    assert asks.wait(30)
    assert not is_read.wait(0.1)
    with courtesy.patience():
        assert is_read.wait(30)
    reading.join()


def test_a_count_under_way_ends_with_the_console(sync: Product) -> None:
    courtesy, reads = Courtesy(), Queue[int]()
    table = ReadLaterTable(sync.state.links.table)

    def count(_: object) -> int:
        for number in itertools.count():
            table.read(FLOW, ["L|1"])
            reads.put(number)
        return 0

    worker = ThreadPoolExecutor(1)
    Counting[int](count, sync.clock, courtesy, worker).latest(0)
    reads.get(timeout=30)
    courtesy.end()
    # Returns when its thread has ended.
    worker.shutdown(wait=True)


def test_a_cause_with_many_records_is_shown_by_pages(sync: Product, console: Consoled) -> None:
    for number in range(60):
        sync.account(f"A-{number}", address1_country="Atlantis")
    sync.tick()
    first = console.page(f"/failures?flow={FLOW}&cause=country_unknown")
    (further,) = [part.split('"')[0].replace("&amp;", "&") for part in first.split('rel="next" href="')[1:]]
    second = console.page(further)
    numbers = [[part.split("<")[0] for part in page.split('<td><a href="/record?')[1:]] for page in (first, second)]
    assert [len(page) for page in numbers] == [50, 10]
    assert not set(numbers[0]) & set(numbers[1])


def test_what_takes_long_to_count_keeps_no_page_waiting(sync: Product) -> None:
    going_on = Event()
    counting = Counting[bool](lambda _: going_on.wait(30), sync.clock)
    assert counting.latest() is None
    going_on.set()
    assert counting.latest() is True


def test_what_is_counted_so_far_is_shown_until_all_is_counted(sync: Product) -> None:
    going_on = Event()

    def count(tell: Callable[[int], None]) -> int:
        tell(4)
        going_on.wait(30)
        return 7

    counting = Counting(count, sync.clock)
    assert counting.latest() == 4
    going_on.set()
    assert counting.latest(30) == 7


def test_a_count_that_is_not_as_good_as_now_is_shown_with_its_time(sync: Product) -> None:
    sync.linked(1)
    seen, going_on = list[str](), Event()

    def count(tell: Callable[[RecordCounts], None]) -> RecordCounts:
        if seen:
            going_on.wait(30)
        seen.append(FLOW)
        return sync.service.count_records(FLOW, tell)

    made = Site.of(ToProduct(sync.flows, {}, sync=sync), token="t", writes=False)
    site = replace(made, records={**made.records, FLOW: Counting(count, sync.clock)})
    request = Request({"type": "http", "path": "/live", "query_string": b"", "headers": []})
    site.states.latest(30)
    site.records[FLOW].latest(30)
    counted_at = f"counted at {sync.clock.now():%H:%M:%S} UTC"
    assert "counted at" not in bytes(live(site, request).body).decode()
    sync.clock.sleep(11)
    assert counted_at in bytes(live(site, request).body).decode()
    going_on.set()
    site.end()


def test_the_records_of_a_large_flow_are_told_while_they_are_counted(sync: Product) -> None:
    links = [Link(FLOW, f"{number:04d}", state=LinkState.WRITTEN, target_key="A") for number in range(1100)]
    for at in range(0, len(links), 100):
        sync.state.links.table.transact([Put(link.to_row()) for link in links[at : at + 100]])
    told: list[RecordCounts] = []
    counted = sync.service.count_records(FLOW, told.append)
    assert [(each.links, each.is_complete) for each in (*told, counted)] == [
        ({"written": 1000}, False),
        ({"written": 1100}, True),
    ]


def test_a_count_that_fails_is_told_and_made_again(sync: Product) -> None:
    troubles = [StorageTrouble("no answer")]

    def count(_: object) -> int:
        if troubles:
            raise troubles.pop()
        return 7

    counting = Counting[int](count, sync.clock)
    with pytest.raises(StorageTrouble):
        counting.latest()
    assert counting.latest() == 7


def test_the_records_of_a_state_are_listed_by_pages(sync: Product, console: Consoled) -> None:
    sync.linked(2)
    sync.account("A-9", address1_country="Atlantis")
    sync.tick()
    shown = console.page(f"/records?flow={FLOW}&state=rejected")
    assert shown.count("/record?flow") == 1
    assert console.page(f"/records?flow={FLOW}&state=written").count("/record?flow") == 2


def test_a_state_that_is_none_and_a_misspelt_rule_are_told(sync: Product, console: Consoled) -> None:
    sync.linked(1)
    wrong = console.get(f"/records?flow={FLOW}&state=nonsense")
    assert (wrong.status_code, "there is no state &#39;nonsense&#39;; the states are" in wrong.text) == (400, True)
    shown = console.page(f"/records?flow={FLOW}&rule=Inactive")
    assert f'<a href="/records?flow={FLOW}&amp;state=&amp;rule=inactive">' in shown
    assert "Did you mean" not in console.page(f"/records?flow={FLOW}&rule=inactive")


def test_the_map_shows_each_field_with_its_source_and_the_type_and_length_on_both_sides(console: Consoled) -> None:
    shown = console.page(f"/map?flow={FLOW}")
    (row,) = [part.split("</tr>")[0] for part in shown.split("<tr>") if '<th scope="row">OrganizationName' in part]
    assert all(part in row for part in ("<td>owned</td>", "<td>name", "String (160)", "<td>String</td>"))
    invoices = console.page("/map?flow=invoices")
    assert "<td>Lookup</td>" in invoices
    assert "<td>String (100)</td>" in invoices


def test_the_map_lists_the_entries_that_are_set_by_hand(sync: Product, console: Consoled) -> None:
    assert "Set by hand" not in console.page(f"/map?flow={FLOW}")
    with operated(sync):
        p2c("map", "set", FLOW, "countries", MARKUP, "AT", "--reason", "asked by Ana")
    shown = console.page("/map?flow=products")
    (row,) = [part.split("</tr>")[0] for part in shown.split("<tr>") if "countries" in part]
    assert all(part in row for part in ("&lt;script&gt;", "<td>AT</td>", "operator@contoso", "asked by Ana", "added"))
    assert "<script>alert" not in shown


def test_a_plan_is_a_page_a_document_and_a_sheet(sync: Product, console: Consoled) -> None:
    sync.account("A-1", name="=1+1")
    for path, kind in (("/plan", "text/html"), ("/plan.md", "text/markdown"), ("/plan.csv", "text/csv")):
        told = console.get(f"{path}?flow={FLOW}&limit=5")
        assert told.headers["Content-Type"].startswith(kind)
        assert "OrganizationName" in told.text
    assert "'=1+1" in console.page(f"/plan.csv?flow={FLOW}")
    assert sync.customers() == 0
    assert console.get(f"/plan?flow={FLOW}&limit=x").status_code == 400


def test_a_system_that_does_not_answer_is_told_in_one_sentence(sync: Product, console: Consoled) -> None:
    (id,) = sync.linked(1)
    sync.sales.faults.add(Rule(FaultKind.REFUSE_TOKEN))
    told = console.get(f"/record?flow={FLOW}&id={id}")
    assert told.status_code == 503
    assert "Traceback" not in told.text
    assert "<title>It does not answer" in told.text


def test_what_is_not_there_is_a_page(console: Consoled) -> None:
    assert console.get("/nothing").status_code == 404
    assert "<title>That is not possible" in console.get("/nothing").text
    assert console.get("/record?flow=nothing&id=1").status_code == 400


# --- what it changes --------------------------------------------------------------------------------------------------


def test_a_cause_is_corrected_and_retried(sync: Product, console: Consoled) -> None:
    id = sync.account("A-1", address1_country="Atlantis")
    sync.tick()
    assert "country_unknown" in console.page("/causes")
    sync.edit(id, address1_country="United States", address1_stateorprovince="Tennessee")
    sync.clock.sleep(1)
    assert "Sent again: 1" in console.act("/retry", flow=FLOW, cause="country_unknown", all="1")
    sync.drain()
    assert "Nothing is open" in console.page("/causes")
    assert [(entry.who, entry.what) for entry in sync.state.audit.latest(9)] == [("operator@contoso", "retry")]
    assert "operator@contoso" in console.page("/audit")


def test_all_of_a_cause_are_sent_again_while_a_page_tells_how_many(
    sync: Product, console: Consoled, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "PATIENCE_S", 0.0)
    count = 2 * sync.service.limits.hints_per_message + 1
    seen = sync.clock.now()
    for number in range(count):
        sync.state.failures.put(Failure(FLOW, f"r{number:04d}", "country_unknown", "said", "helps", seen, seen))
    sync.clock.sleep(1)
    sent, second, going_on = itertools.count(), Event(), Event()
    send, start, started = Sender.send, Jobs.start, list[Job]()

    def slow(self: Sender, *arguments: Any) -> int:
        if next(sent) == 1:
            second.set()
            assert going_on.wait(30)
        return send(self, *arguments)

    def seen_start(self: Jobs, *arguments: Any) -> Job:
        started.append(start(self, *arguments))
        return started[0]

    monkeypatch.setattr(Sender, "send", slow)
    monkeypatch.setattr(Jobs, "start", seen_start)
    form = {"token": console.token, "flow": FLOW, "cause": "country_unknown", "all": "1"}
    answered = console.user.post(
        console.url("/retry"), form, headers={"Origin": console.url("/").rstrip("/")}, allow_redirects=False, timeout=30
    )
    path = answered.headers["Location"]
    assert path == "/job?id=1"
    assert second.wait(30)
    shown = console.page(path)
    assert f"So far: {sync.service.limits.hints_per_message}<" in shown
    assert 'hx-get="/job?id=1"' in shown
    going_on.set()
    assert started[0].is_over.wait(30)
    shown = console.page(path)
    assert f"All done: {count}<" in shown
    assert "hx-get" not in shown
    assert all(failure.is_asked for failure in sync.service.failing().walk(FLOW))
    assert [entry.what for entry in sync.state.audit.latest(9)] == ["retry"] * 3
    assert console.get("/job?id=7").status_code == 400


def test_an_act_that_ends_early_says_why_and_how_many_are_done(
    sync: Product, console: Consoled, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync.account("A-1", address1_country="Atlantis")
    sync.tick()
    sync.clock.sleep(1)

    def refused(*_: object) -> None:
        raise StorageTrouble("no answer")

    monkeypatch.setattr(Sender, "send", refused)
    shown = console.act("/retry", flow=FLOW, cause="country_unknown", all="1")
    assert "Stopped after 0:" in shown
    assert "the storage account: no answer" in shown


def test_a_ticked_failure_is_dismissed_with_a_reason_and_only_with_one(sync: Product, console: Consoled) -> None:
    id, other = (sync.account(number, address1_country="Atlantis") for number in ("A-1", "A-2"))
    sync.tick()
    form = {"token": console.token, "flow": FLOW, "cause": "country_unknown", "id": id}
    assert console.post("/dismiss", form).status_code == 400
    assert "Dismissed: 1" in console.act("/dismiss", flow=FLOW, cause="country_unknown", id=id, reason="a test")
    dismissed, still = sync.failure(id), sync.failure(other)
    assert dismissed is not None
    assert still is not None
    assert (dismissed.dismissed, still.dismissed) == ("a test", "")


def test_what_is_assigned_and_noted_stays_with_the_failure(sync: Product, console: Consoled) -> None:
    id = sync.account("A-1", address1_country="Atlantis")
    sync.tick()
    console.act("/assign", flow=FLOW, cause="country_unknown", id=id, assigned="Ana", note="asks the customer")
    sync.edit(id, address1_country="Utopia")
    sync.tick()
    failure = sync.failure(id)
    assert failure is not None
    assert (failure.assigned, failure.note) == ("Ana", "asks the customer")
    assert "asks the customer" in console.page(f"/failures?flow={FLOW}&cause=country_unknown")


def test_a_row_that_others_have_changed_is_repaired(sync: Product, console: Consoled) -> None:
    (id,) = sync.linked(1)
    url = "CustomersV3(dataAreaId='usmf',CustomerAccount='A-0')"
    sync.finops.patch(url, {"OrganizationName": "By hand"}, {"cross-company": "true"})
    assert "Queued: 1" in console.act("/repair", flow=FLOW, id=id)
    sync.drain()
    assert (sync.customer("A-0") or {})["OrganizationName"] == "Account A-0"


def test_a_record_is_linked_to_the_row_with_its_number(sync: Product, console: Consoled) -> None:
    sync.finops.customer(CustomerAccount="A-1", OrganizationName="Entered by hand")
    id = sync.account("A-1")
    sync.tick()
    shown = console.page(f"/record?flow={FLOW}&id={id}")
    assert f"p2c links accounts link {id}" in shown
    assert 'formaction="/link"' in shown
    console.act("/link", flow=FLOW, id=id)
    sync.drain()
    assert (sync.customer("A-1") or {})["OrganizationName"] == "Account A-1"


def test_a_flow_is_paused_and_resumed(sync: Product, console: Consoled) -> None:
    console.act("/pause", flow=FLOW, reason="a test")
    assert sync.state.control.flow(FLOW).paused
    sync.clock.sleep(1)
    console.act("/resume", flow=FLOW)
    assert not sync.state.control.flow(FLOW).paused
    assert [entry.what for entry in sync.state.audit.latest(9)] == ["resume", "pause"]


def shown_in(page: str) -> str:
    """The digest of what a page has shown, as its form holds it."""
    return page.split('name="shown" value="')[1].split('"', maxsplit=1)[0]


def test_values_are_shown_and_then_put_back(keeping: Product) -> None:
    with consoled(keeping) as console:
        (id,) = keeping.linked(1)
        keeping.clock.sleep(1)
        keeping.edit(id, name="Renamed")
        keeping.tick()
        record = console.page(f"/record?flow={FLOW}&id={id}")
        (path,) = {
            part.split('"')[0].replace("&amp;", "&") for part in record.split('href="')[1:] if "/undo" in part[:9]
        }
        page = console.page(path)
        assert "<td>Renamed</td><td>Account A-0</td>" in page
        assert (keeping.customer("A-0") or {})["OrganizationName"] == "Renamed"
        run = path.rpartition("=")[2]
        assert "Put back: 1" in console.act("/undo", flow=FLOW, id=id, run=run, shown=shown_in(page))
        assert (keeping.customer("A-0") or {})["OrganizationName"] == "Account A-0"
        assert [(entry.who, entry.what) for entry in keeping.state.audit.latest(9)] == [("operator@contoso", "undo")]


def test_a_write_that_was_repeated_after_a_lost_answer_is_shown_without_a_former_value(keeping: Product) -> None:
    with consoled(keeping) as console:
        (id,) = keeping.linked(1)
        keeping.clock.sleep(1)
        keeping.finops.faults.add(Rule(FaultKind.DROP_AFTER, frozenset({"PATCH"}), times=1))
        keeping.edit(id, name="Renamed")
        keeping.settle()
        page = console.page(f"/undo?flow={FLOW}&id={id}")
        same = page.split("Written the same again, so the former value is not known:")[1]
        assert "OrganizationName" in same
        assert "No former value is known that could be put back." in page
        assert "before already" not in page


def test_what_has_changed_since_it_was_shown_is_not_put_back(keeping: Product) -> None:
    with consoled(keeping) as console:
        (id,) = keeping.linked(1)
        keeping.clock.sleep(1)
        keeping.edit(id, name="Renamed", description="Theirs")
        keeping.tick()
        page = console.page(f"/undo?flow={FLOW}&id={id}")
        url = "CustomersV3(dataAreaId='usmf',CustomerAccount='A-0')"
        keeping.finops.patch(url, {"OrganizationName": "By hand"}, {"cross-company": "true"})
        form = {"token": console.token, "flow": FLOW, "id": id, "shown": shown_in(page)}
        refused = console.post("/undo", form)
        assert refused.status_code == 400
        assert "changed since it was shown" in refused.text
        assert (keeping.customer("A-0") or {})["OrganizationName"] == "By hand"


def test_a_conflict_is_decided_field_by_field(sync: Product) -> None:
    document = {**json.loads(SHIPPED.read_text(encoding="utf-8")), "policies": {FLOW: {"on_conflict": "stop"}}}
    sync.start(MAP_DOCUMENT=json.dumps(document))
    with consoled(sync) as console:
        (id,) = sync.linked(1)
        url = "CustomersV3(dataAreaId='usmf',CustomerAccount='A-0')"
        sync.finops.patch(url, {"OrganizationName": MARKUP}, {"cross-company": "true"})
        sync.clock.sleep(1)
        sync.edit(id, name="Renamed")
        sync.tick()
        assert "/resolve?flow=accounts" in console.page(f"/record?flow={FLOW}&id={id}")
        page = console.page(f"/resolve?flow={FLOW}&id={id}")
        assert "Renamed" in page
        assert "<script>alert" not in page
        form = {"token": console.token, "flow": FLOW, "id": id, "shown": shown_in(page), "reason": "asked"}
        assert console.post("/resolve", form).status_code == 400
        assert console.post("/resolve", {**form, "take OrganizationName": "sales", "reason": " "}).status_code == 400
        assert "Decided: 1" in console.post("/resolve", {**form, "take OrganizationName": "sales"}).text
        sync.drain()
        assert (sync.customer("A-0") or {})["OrganizationName"] == "Renamed"
        assert [(entry.what, entry.reason) for entry in sync.state.audit.latest(9)] == [("resolve", "asked")]


# --- the command ------------------------------------------------------------------------------------------------------


def test_the_command_says_which_packages_are_missing(sync: Product, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "find_spec", lambda name: None)
    assert "with its extra `console`" in p2c("console", code=2)


def test_the_audit_leads_to_records_and_takes_nothing_else_for_one(sync: Product, console: Consoled) -> None:
    done = (("map set", "countries Wakanda = WK"), ("retry", "id-1 id-2"), ("sync", "everything"), ("link", "id-3 KEY"))
    for number, (what, subject) in enumerate(done):
        entry = AuditEntry(sync.clock.now(), "operator", what, FLOW, subject, "why")
        sync.state.audit.add(entry, str(number))
    page = console.page("/audit")
    assert "countries Wakanda = WK" in page
    assert set(re.findall(r"/record\?[^\"]*id=([\w-]+)", page)) == {"id-1", "id-2", "id-3"}


def test_the_audit_names_records_by_their_key_beside_their_id(sync: Product, console: Consoled) -> None:
    (id,) = sync.linked(1)
    console.act("/sync", flow=FLOW, id=id)
    assert f'id={id}">A-0</a> <span class="id">{id}</span>' in console.page("/audit")
