"""A Sales user of the running demo, who changes one account: `python -m local.demo.edit --settings FILE NUMBER
COLUMN=VALUE`."""

import json
import re
import sys
from collections.abc import Mapping, Sequence
from decimal import Decimal
from http import HTTPStatus
from pathlib import Path

import requests

from local.command_line import Parser
from local.identity import API_VERSION
from shared import exact_json
from shared.clients import quoting
from shared.mapping.spelling import nearest
from shared.records import Json

_SERVICE = "/api/data/v9.2"
_ACCOUNTS = f"{_SERVICE}/accounts"
_COLUMNS = f"{_SERVICE}/EntityDefinitions(LogicalName='account')/Attributes"
_TIMEOUT_S = 60.0
_NEEDED = ("DATAVERSE_URL", "IDENTITY_ENDPOINT", "IDENTITY_HEADER")
WELL, FAILED, MISTAKE = 0, 1, 2
_WHOLE = frozenset({"Integer", "BigInt", "Picklist", "State", "Status"})
_NUMBERS = frozenset({"Decimal", "Double", "Money"})
_TEXTS = frozenset({"String", "Memo", "DateTime"})
_ANSWERS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


class Mistaken(Exception):
    """What was asked for cannot be done."""


class NoDemo(Exception):
    """No demo runs with the settings that were named."""


def change(settings: Mapping[str, str], number: str, values: Mapping[str, str | None]) -> None:
    """Change columns of the account with this number, with a token of the demo's sign-in. Raises Mistaken, with what
    Sales says if it refuses, and requests.RequestException."""
    url = settings["DATAVERSE_URL"]
    with requests.Session() as sales:
        # Everything is on loopback, which no proxy leads to.
        sales.trust_env = False
        sales.headers["Authorization"] = f"Bearer {_token(sales, settings, url)}"
        wanted = {"$select": "accountid", "$filter": quoting.equals("accountnumber", number)}
        found = _answer(sales.get(f"{url}{_ACCOUNTS}?{quoting.query(wanted)}", timeout=_TIMEOUT_S)).json()["value"]
        if not found:
            raise Mistaken(
                f"Sales has no account with the number {number!r}: name one that `p2c records accounts` lists"
            )
        if len(found) > 1:
            raise Mistaken(f"Sales has {len(found)} accounts with the number {number!r}: name one that is unique")
        address = f"{url}{_ACCOUNTS}({found[0]['accountid']})"
        types = _types(sales, url)
        body = exact_json.encoded({column: _typed(column, value, types) for column, value in values.items()})
        headers = {"If-Match": "*", "Content-Type": "application/json"}
        _answer(sales.patch(address, data=body, headers=headers, timeout=_TIMEOUT_S))


def _types(sales: requests.Session, url: str) -> Mapping[str, str]:
    """The type of each column of an account, as the metadata of Sales names it."""
    wanted = quoting.query({"$select": "LogicalName,AttributeType"})
    found = _answer(sales.get(f"{url}{_COLUMNS}?{wanted}", timeout=_TIMEOUT_S)).json()["value"]
    return {str(each["LogicalName"]): str(each["AttributeType"]) for each in found}


def _typed(column: str, value: str | None, types: Mapping[str, str]) -> Json:
    """A value in the type of its column. Raises Mistaken."""
    kind = types.get(column)
    if kind is None:
        close = nearest(column, types)
        raise Mistaken(
            f"{column!r} is no column of accounts: {f'did you mean {close}?' if close else 'correct the name'}"
        )
    if kind not in _WHOLE | _NUMBERS | _TEXTS | {"Boolean"}:
        raise Mistaken(f"{column} has the type {kind}, which this command does not write: name another column")
    if value is None or kind in _TEXTS:
        return value
    if kind == "Boolean":
        if value.casefold() not in _ANSWERS:
            raise Mistaken(f"{column} is yes or no, and the value is {value!r}: write yes or no")
        return _ANSWERS[value.casefold()]
    if kind in _NUMBERS:
        if not re.fullmatch(r"-?[0-9]{1,30}(\.[0-9]{1,30})?", value):
            raise Mistaken(f"{column} is a number, and the value is {value!r}: write digits, such as 12.50")
        return Decimal(value)
    if not re.fullmatch(r"-?[0-9]{1,30}", value):
        what = "a whole number" if kind in {"Integer", "BigInt"} else "a choice"
        raise Mistaken(f"{column} is {what}, and the value is {value!r}: write a whole number, such as 3")
    return int(value)


def _settings_in(file: Path) -> Mapping[str, str]:
    """The settings of a demo. Raises NoDemo if there is no such file, as when the demo has ended, and Mistaken if it
    holds none, or cannot be read."""
    try:
        values = json.loads(file.read_text(encoding="utf-8"))["Values"]
        return {name: str(values[name]) for name in _NEEDED}
    except FileNotFoundError:
        raise NoDemo(f"{file} does not exist: no demo runs with it; name the settings of a running demo") from None
    except OSError as unreadable:
        raise Mistaken(f"{file} cannot be read: {unreadable.strerror}; name the settings of a running demo") from None
    except (ValueError, LookupError, TypeError):
        raise Mistaken(f"{file} is not the settings of a demo: name those that a running demo shows") from None


def _token(sales: requests.Session, settings: Mapping[str, str], resource: str) -> str:
    answer = sales.get(
        settings["IDENTITY_ENDPOINT"],
        params={"api-version": API_VERSION, "resource": resource},
        headers={"X-IDENTITY-HEADER": settings["IDENTITY_HEADER"]},
        timeout=_TIMEOUT_S,
    )
    return str(_answer(answer).json()["access_token"])


def _answer(response: requests.Response) -> requests.Response:
    if response.status_code == HTTPStatus.BAD_REQUEST:
        raise Mistaken(f"Sales does not take this: {_said(response).rstrip('.')}; correct the value")
    if not response.ok:
        raise Mistaken(f"the answer was {response.status_code}: {_said(response)}")
    return response


def _said(response: requests.Response) -> str:
    """The sentence in an answer of Sales that refuses a request."""
    try:
        return str(response.json()["error"]["message"])
    except (ValueError, LookupError, TypeError):
        return response.reason or "no reason was given"


def main(arguments: Sequence[str] | None = None) -> int:
    """Change the account and say so; 1 if no demo answers, 2 for a mistake."""
    parser = Parser(prog="python -m local.demo.edit", description=__doc__)
    parser.add_argument("--settings", type=Path, required=True, metavar="FILE", help="as the demo names it for p2c")
    parser.add_argument("number", help="the number of the account")
    parser.add_argument(
        "values", nargs="+", metavar="COLUMN=VALUE", help="in the column's type; an empty value clears it"
    )
    options = parser.parse_args(arguments)
    pairs = [each.partition("=") for each in options.values]
    wrong = next((text for text, sign, _ in pairs if not sign), None)
    if wrong is not None:
        parser.error(f"{wrong!r} is no COLUMN=VALUE, such as telephone1=12345")
    try:
        change(_settings_in(options.settings), options.number, {column: value or None for column, _, value in pairs})
    except requests.RequestException:
        sys.stderr.write(f"{options.settings}: no demo runs with these settings (it does not answer)\n")
        return FAILED
    except NoDemo as none:
        sys.stderr.write(f"{none}\n")
        return FAILED
    except Mistaken as wrong:
        sys.stderr.write(f"{wrong}\n")
        return MISTAKE
    sys.stdout.write(f"account {options.number} in Sales: {', '.join(options.values)}\n")
    return WELL


if __name__ == "__main__":
    sys.exit(main())
