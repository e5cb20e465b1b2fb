"""A Sales user of the running demo, who changes one account: `python -m local.demo.edit --settings FILE NUMBER
COLUMN=VALUE`."""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import requests

from local.identity import API_VERSION
from shared.clients import quoting

_ACCOUNTS = "/api/data/v9.2/accounts"
_TIMEOUT_S = 60.0
_NEEDED = ("DATAVERSE_URL", "IDENTITY_ENDPOINT", "IDENTITY_HEADER")
WELL, FAILED, MISTAKE = 0, 1, 2


class Mistaken(Exception):
    """What was asked for cannot be done."""


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
        if len(found) != 1:
            raise Mistaken(f"Sales has {len(found)} accounts with the number {number!r}")
        address = f"{url}{_ACCOUNTS}({found[0]['accountid']})"
        _answer(sales.patch(address, json=dict(values), headers={"If-Match": "*"}, timeout=_TIMEOUT_S))


def _settings_in(file: Path) -> Mapping[str, str]:
    """The settings of a demo. Raises Mistaken if the file holds none, and OSError."""
    try:
        values = json.loads(file.read_text(encoding="utf-8"))["Values"]
        return {name: str(values[name]) for name in _NEEDED}
    except (ValueError, LookupError, TypeError):
        raise Mistaken(f"{file} is not the settings of a demo") from None


def _token(sales: requests.Session, settings: Mapping[str, str], resource: str) -> str:
    answer = sales.get(
        settings["IDENTITY_ENDPOINT"],
        params={"api-version": API_VERSION, "resource": resource},
        headers={"X-IDENTITY-HEADER": settings["IDENTITY_HEADER"]},
        timeout=_TIMEOUT_S,
    )
    return str(_answer(answer).json()["access_token"])


def _answer(response: requests.Response) -> requests.Response:
    if not response.ok:
        raise Mistaken(f"the answer was {response.status_code}: {response.text[:500]}")
    return response


def main(arguments: Sequence[str] | None = None) -> int:
    """Change the account and say so; 1 if Sales is not there, 2 for a mistake."""
    parser = argparse.ArgumentParser(allow_abbrev=False, prog="python -m local.demo.edit", description=__doc__)
    parser.add_argument("--settings", type=Path, required=True, metavar="FILE", help="as the demo names it for p2c")
    parser.add_argument("number", help="the number of the account")
    parser.add_argument("values", nargs="+", metavar="COLUMN=VALUE", help="an empty value clears the column")
    options = parser.parse_args(arguments)
    pairs = [each.partition("=") for each in options.values]
    if any(not sign for _, sign, _ in pairs):
        parser.error("write COLUMN=VALUE")
    try:
        change(_settings_in(options.settings), options.number, {column: value or None for column, _, value in pairs})
    except OSError as gone:
        # A RequestException is one as well.
        reason = gone.strerror or "it does not answer"
        sys.stderr.write(f"{options.settings}: no demo runs with these settings ({reason})\n")
        return FAILED
    except Mistaken as wrong:
        sys.stderr.write(f"{wrong}\n")
        return MISTAKE
    sys.stdout.write(f"account {options.number} in Sales: {', '.join(options.values)}\n")
    return WELL


if __name__ == "__main__":
    sys.exit(main())
