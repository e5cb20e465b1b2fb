"""The demo's edits and looks, against the simulators themselves."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from requests import ReadTimeout
from requests.adapters import HTTPAdapter

from local.dataverse.schema import load_schema
from local.dataverse.service import THROTTLED
from local.dataverse.simulator import build_organisation, build_simulator
from local.demo import edit, environment
from local.demo.edits import ACTIVE, INACTIVE, Fulfilment, Sales
from local.demo.errors import DemoFailed
from local.demo.state_dir import free_ports
from local.demo.systems import Access, Counts, Secrets
from local.finops.environment import finops_simulator
from local.finops.loading import open_tables
from local.finops.settings import Settings
from local.identity import Identity, IdentityServer
from local.simulator.auth import SignedToken, system_clock
from local.simulator.exchanges import ExchangeLog
from local.simulator.faults import Faults
from local.simulator.server import running

COMPANY = "usmf"


@pytest.fixture(scope="module")
def secrets() -> Secrets:
    return Secrets()


@pytest.fixture(scope="module")
def sales(secrets: Secrets) -> Iterator[Sales]:
    (port,) = free_ports(1)
    check = SignedToken(secrets.signing_key, f"http://127.0.0.1:{port}", system_clock)
    organisation = build_organisation(load_schema())
    faults = Faults(throttle_body=THROTTLED)
    simulator = build_simulator(organisation, check, faults, ExchangeLog("dataverse"), secrets.admin_token)
    with running(simulator, port=port) as url:
        access = Access("dataverse", url, secrets)
        yield Sales(access)
        access.close()
    organisation.store.close()


@pytest.fixture(scope="module")
def fulfilment(secrets: Secrets) -> Iterator[Fulfilment]:
    (port,) = free_ports(1)
    check = SignedToken(secrets.signing_key, f"http://127.0.0.1:{port}", system_clock)
    tables = open_tables(None, None, Settings())
    simulator = finops_simulator(tables, Settings(), check, admin_token=secrets.admin_token)
    with running(simulator, port=port) as url:
        access = Access("finops", url, secrets)
        yield Fulfilment(access, COMPANY)
        access.close()
    tables.close()


def account(sales: Sales, id: str) -> dict[str, object]:
    (row,) = sales.access.rows(f"/api/data/v9.2/accounts?$select=name,statecode&$filter=accountid eq {id}")
    return dict(row)


def test_an_account_is_opened_renamed_ended_and_brought_back(sales: Sales) -> None:
    id = sales.create({"accountnumber": "A1", "name": "first"})
    sales.change(id, {"name": "second"})
    sales.change(id, INACTIVE)
    assert account(sales, id)["statecode"] == 1
    sales.change(id, ACTIVE)
    assert (account(sales, id)["name"], account(sales, id)["statecode"]) == ("second", 0)


def test_an_account_that_is_not_there_is_not_made_by_a_change(sales: Sales) -> None:
    with pytest.raises(DemoFailed, match="Sales answered 404 to PATCH"):
        sales.change("00000000-0000-4000-8000-00000000abcd", {"name": "x"})


def test_many_accounts_change_in_one_request(sales: Sales) -> None:
    ids = [sales.create({"name": name}) for name in ("one", "two")]
    sales.change_many({id: {"name": f"changed {number}"} for number, id in enumerate(ids)})
    assert [account(sales, id)["name"] for id in ids] == ["changed 0", "changed 1"]


def test_a_contact_is_edited_as_an_account_is(sales: Sales) -> None:
    contacts = Sales(sales.access, "contacts", "contact")
    ids = [contacts.create({"lastname": name}) for name in ("Okafor", "Moreau")]
    contacts.change(ids[0], {"lastname": "Novák"})
    contacts.change_many({ids[1]: {"lastname": "Tanaka"}})
    rows = sales.access.rows("/api/data/v9.2/contacts?$select=lastname")
    assert {str(row["contactid"]): row["lastname"] for row in rows} == {ids[0]: "Novák", ids[1]: "Tanaka"}


def test_a_product_is_released_changes_its_price_and_goes(fulfilment: Fulfilment) -> None:
    def prices() -> list[object]:
        path = "/data/SellableReleasedProducts?cross-company=true&$filter=ProductNumber eq 'P-1'"
        return [row["SalesPrice"] for row in fulfilment.access.rows(path)]

    fulfilment.put_products([{"ProductNumber": "P-1", "ProductName": "Bell", "SalesPrice": Decimal("1.5")}])
    fulfilment.put_products([{"ProductNumber": "P-1", "SalesPrice": Decimal("2.25")}])
    assert prices() == [Decimal("2.25")]
    fulfilment.remove_product("P-1")
    assert prices() == []


def test_a_customer_group_goes_and_comes_back_as_it_was(fulfilment: Fulfilment) -> None:
    before = fulfilment.group("10")
    assert before is not None
    fulfilment.remove_group("10")
    assert fulfilment.group("10") is None
    fulfilment.restore_group(before)
    after = fulfilment.group("10")
    assert after is not None
    assert {name: value for name, value in after.items() if "@" not in name} == {
        name: value for name, value in before.items() if "@" not in name
    }


def test_what_the_demo_does_itself_is_not_counted(sales: Sales, fulfilment: Fulfilment) -> None:
    sales.create({"name": "not counted"})
    fulfilment.group("20")
    assert (sales.access.counts(), fulfilment.access.counts()) == (Counts(), Counts())


def test_a_system_that_does_not_answer_is_named(secrets: Secrets) -> None:
    (port,) = free_ports(1)
    access = Access("finops", f"http://127.0.0.1:{port}", secrets)
    with pytest.raises(DemoFailed, match=rf"F&O at http://127\.0\.0\.1:{port} does not answer the demo"):
        access.get(f"{access.url}/data")
    access.close()


class Hanging(HTTPAdapter):
    """A system that takes every request and answers none."""

    asked = 0

    def send(self, *_arguments: Any, **_options: Any) -> Any:
        self.asked += 1
        raise ReadTimeout


@pytest.mark.parametrize(("method", "again"), [("GET", True), ("PATCH", False)])
def test_a_system_that_hangs_is_asked_again_for_what_may_be_repeated_and_that_is_reported(
    secrets: Secrets, method: str, again: bool
) -> None:
    access, hanging, told = Access("finops", "http://127.0.0.1:1", secrets), Hanging(), list[str]()
    access._session.mount("http://", hanging)
    access.tell = told.append
    with pytest.raises(DemoFailed, match="does not answer the demo; its process hangs"):
        access.send(method, "/data")
    assert hanging.asked == len(told) + 1
    assert (hanging.asked > 1) is again
    if again:
        assert told[0] == "F&O has not answered the demo for 15 s; trying again"
    access.close()


WRONG_VALUES = {
    "no_such_column=1": "'no_such_column' is no column of accounts: correct the name",
    "numberofemployes=1": "'numberofemployes' is no column of accounts: did you mean numberofemployees?",
    "numberofemployees=nine": "numberofemployees is a whole number, and the value is 'nine': write a whole number",
    "creditlimit=1e3": "creditlimit is a number, and the value is '1e3': write digits, such as 12.50",
    "donotphone=perhaps": "donotphone is yes or no, and the value is 'perhaps': write yes or no",
    "industrycode=Retail": "industrycode is a choice, and the value is 'Retail': write a whole number, such as 3",
    "industrycode=987654": "Sales does not take this: ",
    "primarycontactid=x": "primarycontactid has the type Lookup, which this command does not write",
}


def test_a_line_for_the_shell_changes_one_account_with_a_token_of_the_sign_in(
    sales: Sales, secrets: Secrets, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sales.create({"accountnumber": "LINE-1", "name": "By line", "address1_country": "Germany"})
    file, url = tmp_path / "settings.json", sales.access.url
    identity = Identity(secrets.signing_key, secrets.identity_header, frozenset({url}))
    with IdentityServer(identity) as sign_in:
        header = secrets.identity_header
        own = {"DATAVERSE_URL": url, "IDENTITY_ENDPOINT": sign_in.endpoint, "IDENTITY_HEADER": header}
        environment.write_settings(file, own)
        line = ["--settings", str(file)]
        assert edit.main([*line, "LINE-1", "address1_country=German", "telephone1="]) == edit.WELL
        assert capsys.readouterr().out == "account LINE-1 in Sales: address1_country=German, telephone1=\n"
        rows = sales.access.rows("/api/data/v9.2/accounts?$filter=accountnumber eq 'LINE-1'")
        assert [row["address1_country"] for row in rows] == ["German"]
        assert edit.main([*line, "LINE-2", "address1_country=German"]) == edit.MISTAKE
        assert capsys.readouterr().err == (
            "Sales has no account with the number 'LINE-2': name one that `p2c records accounts` lists\n"
        )
        typed = ["numberofemployees=9", "creditlimit=12.50", "donotphone=yes", "industrycode=3"]
        assert edit.main([*line, "LINE-1", *typed]) == edit.WELL
        (row,) = sales.access.rows("/api/data/v9.2/accounts?$filter=accountnumber eq 'LINE-1'")
        columns = ("numberofemployees", "creditlimit", "donotphone", "industrycode")
        assert [row[name] for name in columns] == [9, Decimal("12.50"), True, 3]
        assert edit.main([*line, "LINE-1", "creditlimit=", "numberofemployees="]) == edit.WELL
        (row,) = sales.access.rows("/api/data/v9.2/accounts?$filter=accountnumber eq 'LINE-1'")
        assert (row["creditlimit"], row["numberofemployees"]) == (None, None)
        capsys.readouterr()
        for wrong, sentence in WRONG_VALUES.items():
            assert edit.main([*line, "LINE-1", wrong]) == edit.MISTAKE
            told = capsys.readouterr().err
            assert sentence in told
            assert "{" not in told
            assert told.count("\n") == 1
    assert edit.main([*line, "LINE-1", "address1_country=Germany"]) == edit.FAILED
    assert "no demo runs with these settings" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["# A text", "[]", "{}", '{"Values": {"DATAVERSE_URL": "http://127.0.0.1:1"}}'])
def test_a_file_without_the_settings_of_a_demo_is_a_mistake(
    text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "README.md"
    file.write_text(text, encoding="utf-8")
    assert edit.main(["--settings", str(file), "A-1", "name=x"]) == edit.MISTAKE
    told = f"{file} is not the settings of a demo: name those that a running demo shows\n"
    assert capsys.readouterr().err == told


def test_settings_that_a_demo_has_taken_away_at_its_end_are_no_mistake(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "local.settings.json"
    assert edit.main(["--settings", str(file), "A-1", "name=x"]) == edit.FAILED
    told = f"{file} does not exist: no demo runs with it; name the settings of a running demo\n"
    assert capsys.readouterr().err == told


def test_settings_that_cannot_be_read_are_a_mistake(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert edit.main(["--settings", str(tmp_path), "A-1", "name=x"]) == edit.MISTAKE
    assert "cannot be read: Is a directory; name the settings of a running demo" in capsys.readouterr().err
