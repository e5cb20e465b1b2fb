"""The console in a real browser: from the sign to the repair without a terminal, by keyboard, on a narrow screen, in
the dark. With DRAW_CONSOLE=FOLDER its pictures go there (`make pictures`)."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser.driving import HERE, Browser, browsing
from tests.support.consoled import consoled
from tests.support.operator import operated, p2c
from tests.support.product import FLOW, product
from tests.support.trading import trading

pytestmark = pytest.mark.process

CAUSE = "finops.validateField.CustomerGroupId"
GROUP = "CustomerGroups(dataAreaId='usmf',CustomerGroupId='10')"
US = {"address1_country": "United States", "address1_stateorprovince": "Tennessee"}
MARKUP = "<script>alert(1)</script><img src=x onerror=alert(2)>"
SERIOUS = ("serious", "critical")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A browser that nobody has used."""
    with browsing() as made:
        yield made


def test_a_broken_customer_group_is_found_and_repaired_without_a_terminal(browser: Browser, tmp_path: Path) -> None:
    drawn = Path(os.environ.get("DRAW_CONSOLE") or tmp_path)
    with trading() as sync, operated(sync), consoled(sync) as console:
        sync.flow = FLOW
        for number, name in enumerate(("Contoso", "Fabrikam", "Northwind Traders")):
            account = sync.account(f"C-{number}", name=name, **US)
            sync.contact(account)
            sync.tick()
            sync.clock.sleep(60 + 30 * number)
            sync.quote(account, lines=2)
        sync.tick()
        assert sync.finops.delete(GROUP, params={"cross-company": "true"}).status_code == 204
        for number, name in enumerate(("Alpine Ski House", "Proseware", MARKUP)):
            sync.account(f"ACC-0100{number}", name=name, **US)
        sync.clock.sleep(60)
        sync.tick()
        sync.clock.sleep(10)

        browser("size", width=1200, height=800)
        browser("open", url=console.address, language="en")
        browser("settled", text="accounts")
        assert "key=" not in browser("location")
        assert "failures\n3" in browser("text")
        judged(browser)
        browser("picture", file=str(drawn / "console-overview.png"))

        browser("follow", name="Not in step")
        assert f"3 × {CAUSE}" in browser("text")
        judged(browser)
        browser("picture", file=str(drawn / "console-causes.png"))

        browser("follow", name=f"3 × {CAUSE}")
        judged(browser)
        browser("follow", name="ACC-01002")
        assert MARKUP in browser("text")
        judged(browser)
        browser("picture", file=str(drawn / "console-record.png"))

        body = {"dataAreaId": "usmf", "CustomerGroupId": "10", "Description": "Wholesale"}
        assert sync.finops.post("CustomerGroups", body).status_code == 201
        browser("open", url=console.url(f"/failures?flow={FLOW}&cause={CAUSE}"))
        browser("tick", name="all on this page")
        browser("press", name="Retry the ticked ones")
        assert "Sent again: 3" in browser("text")
        sync.tick()
        browser("follow", name="Not in step")
        assert "Nothing is open" in browser("text")
        assert sync.customers() == 6
        sent = [entry for entry in sync.state.audit.latest(9) if entry.what == "retry"]
        assert [len(entry.subject.split()) for entry in sent] == [3]
        untroubled(browser)


def test_every_page_works_by_keyboard_on_a_narrow_screen_in_the_dark_and_in_german(browser: Browser) -> None:
    with product() as sync, operated(sync), consoled(sync) as console:
        (id,) = sync.linked(1)
        sync.account("A-2", name=MARKUP, address1_country="Atlantis" * 10)
        sync.tick()
        p2c("map", "set", FLOW, "countries", "Wakanda " * 10, "WK", "--reason", "asked by a customer " * 5)
        console.act("/retry", flow=FLOW, cause="country_unknown", all="1")
        browser("size", width=360, height=640)
        browser("scheme", dark=True)
        browser("open", url=console.address, language="de-CH,de;q=0.9")
        browser("settled", text="accounts")
        browser("keys", keys=["Tab"])
        assert browser("focused") == "Zum Inhalt"
        paths = ("/", "/causes", "/records", "/runs", "/audit", "/map", f"/plan?flow={FLOW}", "/preflight?run=1")
        others = ("/job?id=1",)
        of_records = (f"/record?flow={FLOW}&id={id}", f"/failures?flow={FLOW}&cause=country_unknown")
        for path in (*paths, *others, *of_records):
            browser("open", url=console.url(path))
            assert browser("overflow") == 0, path
            judged(browser)
        browser("scheme", dark=False)
        untroubled(browser)
        # The browser itself says that this one is not found.
        browser("open", url=console.url("/find?q=nothing"))
        assert browser("overflow") == 0
        judged(browser)


def judged(browser: Browser) -> None:
    """The page can be used by everybody, as far as axe-core finds, and runs nothing but our own scripts."""
    assert [found for found in browser("audit") if found["impact"] in SERIOUS] == []
    assert {script.rpartition("/")[2] for script in browser("scripts")} <= {"htmx.min.js", "console.js"}


def untroubled(browser: Browser) -> None:
    """No script has failed, nothing was blocked, and nobody else was asked."""
    assert browser("said") == []


def test_the_console_ships_the_script_that_its_package_has() -> None:
    shipped = Path("p2c/console/static/htmx.min.js").read_bytes()
    assert shipped == (HERE / "node_modules/htmx.org/dist/htmx.min.js").read_bytes()
