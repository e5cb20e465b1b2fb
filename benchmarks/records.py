"""Makes as many accounts as a benchmark wants, all different, the same at each run."""

import json
import uuid
from pathlib import Path

_SPACE = uuid.UUID("6f0d7a52-5a0e-4b7c-9c55-0d8e1f3a2b10")
_PLACES = (
    ("Seattle", "Washington", "98101", "United States"),
    ("Toronto", "Ontario", "M4B 1V7", "Canada"),
    ("London", "England", "SW19 3RU", "United Kingdom"),
    ("Berlin", "Berlin", "10115", "Germany"),
)


def write_accounts(folder: Path, count: int) -> None:
    """Write accounts.jsonl with `count` accounts."""
    with (folder / "accounts.jsonl").open("w", encoding="utf-8", newline="\n") as file:
        for number in range(count):
            file.write(json.dumps(_account(number)) + "\n")


def _account(number: int) -> dict[str, str | int]:
    city, state, postal_code, country = _PLACES[number % len(_PLACES)]
    return {
        "accountid": str(uuid.uuid5(_SPACE, str(number))),
        "accountnumber": f"BENCH{number:08d}",
        "name": f"Generated Account {number}",
        "telephone1": f"+1 555 {number % 10_000_000:07d}",
        "address1_line1": f"{number} Main Street",
        "address1_city": city,
        "address1_stateorprovince": state,
        "address1_postalcode": postal_code,
        "address1_country": country,
        "statecode": 0,
        "statuscode": 1,
    }
