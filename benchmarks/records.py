"""The records that are measured: those of the sample, few of them or more, the same at each run."""

import uuid
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path

from local import jsonlines
from local.demo.arguments import SAMPLES
from shared import exact_json
from shared.records import SourceRow, Values

_SPACE = uuid.UUID("6f0d7a52-5a0e-4b7c-9c55-0d8e1f3a2b10")
_PLACES = (
    ("Seattle", "Washington", "98101", "United States"),
    ("Toronto", "Ontario", "M4B 1V7", "Canada"),
    ("London", "England", "SW19 3RU", "United Kingdom"),
    ("Berlin", "Berlin", "10115", "Germany"),
)
_ACCOUNTS, _CONTACTS, _PRODUCTS = "accounts", "contacts", "products"
_QUOTES, _LINES, _QUOTED = "quotes", "quotedetails", "products_dataverse"
_WHOLE = ("transactioncurrencies", "systemusers", "uomschedules", "uoms", "pricelevels", "fo_units", _QUOTED)
Records = Mapping[str, Sequence[Values]]


def write_samples(
    folder: Path,
    *,
    records: int | None = None,
    more_accounts: int = 0,
    more_contacts: int = 0,
    more_quotes: int = 0,
) -> None:
    """Write the records of the sample into a folder, or about `records` of each flow, which belong together; and
    generated accounts, contacts and quotes beside them. Contacts without an account are left out: they stay in
    Sales."""
    files = {name: SAMPLES / f"{name}.jsonl" for name in (*_WHOLE, *_FLOWING)}
    sample: dict[str, list[Values]] = {
        name: [row for _place, row in jsonlines.read(file)] for name, file in files.items()
    }
    chosen = sample if records is None else {**sample, **_few(sample, records)}
    parents = [str(row["accountid"]) for row in chosen[_ACCOUNTS]]
    generated: dict[str, Iterable[Values]] = {
        _ACCOUNTS: map(_account, range(more_accounts)),
        _CONTACTS: (_contact(number, parents[number % len(parents)]) for number in range(more_contacts)),
    }
    quotes = list(_copies(chosen[_QUOTES], chosen[_LINES], more_quotes))
    generated |= {_QUOTES: (quote for quote, _ in quotes), _LINES: chain.from_iterable(lines for _, lines in quotes)}
    for name, rows in chosen.items():
        with (folder / f"{name}.jsonl").open("w", encoding="utf-8", newline="\n") as file:
            file.writelines(exact_json.dumps(dict(row)) + "\n" for row in (*rows, *generated.get(name, ())))


_FLOWING = (_ACCOUNTS, _CONTACTS, _PRODUCTS, _QUOTES, _LINES)


def _few(sample: Records, count: int) -> Records:
    """The shortest quotes with their customers and products, and as many others as are missing."""
    length = Counter(str(line["_quoteid_value"]) for line in sample[_LINES])
    quotes = sorted(sample[_QUOTES], key=lambda row: (length[str(row["quoteid"])], str(row["quoteid"])))[:count]
    ids = {str(row["quoteid"]) for row in quotes}
    lines = [line for line in sample[_LINES] if str(line["_quoteid_value"]) in ids]
    numbers = {str(row["productid"]): str(row["productnumber"]) for row in sample[_QUOTED]}
    quoted = {numbers[str(line["_productid_value"])] for line in lines}
    accounts = _first(sample[_ACCOUNTS], "accountid", {str(row["_customerid_value"]) for row in quotes}, count)
    customers = {str(row["accountid"]) for row in accounts}
    contacts = [row for row in sample[_CONTACTS] if str(row["_parentcustomerid_value"]) in customers]
    products = _first(sample[_PRODUCTS], "ProductNumber", quoted, count)
    return {_ACCOUNTS: accounts, _CONTACTS: contacts[:count], _PRODUCTS: products, _QUOTES: quotes, _LINES: lines}


def _first(rows: Sequence[Values], key: str, needed: set[str], count: int) -> list[Values]:
    """Those that are needed, and others up to a count."""
    left = max(count - len(needed), 0)
    others = [row for row in rows if str(row[key]) not in needed][:left]
    return [*(row for row in rows if str(row[key]) in needed), *others]


def _account(number: int) -> Values:
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


def _contact(number: int, account: str) -> Values:
    return {
        "contactid": str(uuid.uuid5(_SPACE, f"contact {number}")),
        "firstname": "Generated",
        "lastname": f"Contact {number}",
        "fullname": f"Generated Contact {number}",
        "jobtitle": "Buyer",
        "emailaddress1": f"contact{number}@example.com",
        "mobilephone": f"+1 555 {number % 10_000_000:07d}",
        "_parentcustomerid_value": account,
        "_parentcustomerid_value@Microsoft.Dynamics.CRM.lookuplogicalname": "account",
        "statecode": 0,
        "statuscode": 1,
    }


def _copies(quotes: Sequence[Values], lines: Sequence[Values], count: int) -> Iterator[tuple[Values, list[Values]]]:
    """As many quotes, with their lines, as those of the sample in turn, each with a number of its own."""
    of_quote: dict[str, list[Values]] = defaultdict(list)
    for line in lines:
        of_quote[str(line["_quoteid_value"])].append(line)
    for number in range(count if quotes else 0):
        quote = quotes[number % len(quotes)]
        id = str(uuid.uuid5(_SPACE, f"quote {number}"))
        copied: list[Values] = [
            {**line, "quotedetailid": str(uuid.uuid5(_SPACE, f"line {number} {at}")), "_quoteid_value": id}
            for at, line in enumerate(of_quote[str(quote["quoteid"])])
        ]
        yield {**quote, "quoteid": id, "quotenumber": f"BENCH{number:08d}"}, copied


def lines_in(row: Values) -> int:
    """How many lines a row holds: the rows in its list, or in the lists of these, as in the revisions of a quote."""
    lists = (value for value in row.values() if isinstance(value, list))
    return sum(max(lines_in(part), 1) if isinstance(part, dict) else 1 for each in lists for part in each)


def typical(rows: Iterable[SourceRow], count: int) -> list[str]:
    """The ids of so many records, with as many lines on average as all of them: one from the middle of each of `count`
    equal parts, from the shortest to the longest."""
    ordered = sorted(rows, key=lambda row: (lines_in(row.values), row.id))
    few = min(count, len(ordered))
    return [ordered[(2 * at + 1) * len(ordered) // (2 * few)].id for at in range(few)]
