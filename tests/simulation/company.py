"""The records of both systems, and what people do to them: small numbers of records that compete for everything.

Texts are few, so that records often look alike; numbers are fewer than records, so that they are swapped and reused.
"""

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from shared.flows.orders import mapping as orders
from shared.flows.products import catalogue, price_lists
from shared.flows.quotations import mapping as quotations
from shared.flows.quotations import rules as quotation_rules
from shared.mapping import date_columns
from shared.records import fold
from tests.simulation.finops import COMPANIES
from tests.simulation.sales import Table
from tests.simulation.settings import MAPS, RENAMED_URL, VARIANTS, SettingsKey, mappers_of
from tests.simulation.stage import Stage
from tests.simulation.targets import CUSTOMERS, ORDERS, PERSONS, QUOTATIONS, REFUSED_PHONE, Row

Values = dict[str, Any]
RECORDS = 4
_USD, _EUR = "c0000000-0000-4000-8000-000000000001", "c0000000-0000-4000-8000-000000000002"
_GROUP = "c0000000-0000-4000-8000-000000000010"
_EACH, _KILO = "c0000000-0000-4000-8000-000000000011", "c0000000-0000-4000-8000-000000000012"
_LISTS = tuple(f"c0000000-0000-4000-8000-0000000000{number}" for number in (21, 22, 23))
_ADDRESS = ("line1", "city", "stateorprovince", "postalcode", "country")
_IN_SEATTLE = ("1 Main Street", "Seattle", "Washington", "98101", "United States")
_MOST_TRIES = 4
# Documents of Sales: their table, and the column of their number.
_NUMBERED = {"quotations": ("quotes", "quotenumber"), "orders": ("salesorders", "ordernumber")}
_TO_SALES = ("products", "ordersback", "invoices")
_CURRENCIES = [{"isocurrencycode": "USD"}, {"isocurrencycode": "EUR"}, {"isocurrencycode": "XXX"}, None]


@dataclass(frozen=True, slots=True)
class Pool:
    """What the rows of a table may hold: `start` is a row that is for the target, `columns` are values that people
    give a column, `numbers` those that name a record. Where there are `rows`, records begin as one of these instead:
    that of their place among the ids or numbers."""

    start: Mapping[str, Any]
    columns: Mapping[str, Sequence[Any]]
    number: str
    numbers: Sequence[str]
    ids: Sequence[str] = ()
    rows: Sequence[Mapping[str, Any]] = ()

    def first_row(self, place: int) -> Mapping[str, Any]:
        """How the record at a place begins."""
        return self.rows[place % len(self.rows)] if self.rows else self.start


def made_id(kind: int, number: int) -> str:
    """The id of a row that people make: its kind, and its number among these."""
    return f"{kind:08x}-0000-4000-8000-{number:012x}"


def account_ids() -> list[str]:
    """The ids of the accounts of the model."""
    return [made_id(0xA, number) for number in range(RECORDS)]


def contact_ids() -> list[str]:
    """The ids of the contacts of the model."""
    return [made_id(0xB, number) for number in range(RECORDS)]


def _address(prefix: str, values: Sequence[str | None]) -> Values:
    return {f"{prefix}_{name}": value for name, value in zip(_ADDRESS, values, strict=True)}


def _blank(select: Iterable[str], expand: Iterable[str]) -> Values:
    return {**dict.fromkeys(select), **dict.fromkeys(expand)}


def standard_pools() -> dict[str, Pool]:
    """The records of a small made-up company."""
    mappers = mappers_of(SettingsKey(next(iter(VARIANTS)), RENAMED_URL, COMPANIES[0], MAPS))
    person: dict[str, Sequence[Any]] = {
        "telephone1": ["111", "111", "222", "222", None, None, REFUSED_PHONE],
        "emailaddress1": ["a@contoso.com", None],
        "description": ["one", "two", None],
        "address1_city": ["Seattle", "Bern", None],
        "address1_country": ["United States", "United States", "Schweiz", "Atlantis", None],
        "address1_stateorprovince": ["Washington", "Washington", "Utopia", None],
        "transactioncurrencyid": _CURRENCIES,
        "statecode": [0, 0, 0, 1],
        "merged": [False, False, False, True],
    }
    start = {"statecode": 0, "merged": False, "createdon": "2026-01-05T08:00:00Z", "modifiedon": "2026-01-05T08:00:00Z"}
    usd = {"transactioncurrencyid": {"isocurrencycode": "USD"}}
    accounts = Pool(
        {
            **_blank(mappers.accounts.select, {}),
            **start,
            **usd,
            "name": "Fabrikam",
            **_address("address1", _IN_SEATTLE),
        },
        {
            **person,
            "name": ["Fabrikam", "Litware", "Contoso", None, "x" * 101, "half \ud800"],
            "numberofemployees": [5, 7, None, -1],
        },
        "accountnumber",
        ["A-1", "A-2", "A-3", "a-2", " A-3 ", "A-2", "A-1", "A" * 21],
        account_ids(),
    )
    contacts = Pool(
        {**_blank(mappers.contacts.select, mappers.contacts.expand), **start, **usd, "lastname": "Miller"},
        {**person, "lastname": ["Miller", "Jones", None, "Miller\x07"], "firstname": ["Ann", "Bob", None],
         "msdynce_isactivecustomer": [True, False, False]},
        "msdynce_contactnumber",
        ["K-1", "K-2", "K-3", "A-1", "K-1", "K/4"],
        contact_ids(),
    )  # fmt: skip
    quotes = Pool(
        {
            **_blank(mappers.quotations.header_select, mappers.quotations.header_expand),
            **usd, "statecode": 1, "statuscode": 2, "revisionnumber": 0, "name": "offer",
            "msdynce_hasexternallymaintainedproductsonly": True, "discountamount": None, "discountpercentage": None,
            "createdon": "2026-01-05T08:00:00Z", "modifiedon": "2026-01-05T08:00:00Z",
            "expireson": "2026-12-31",
        },
        {
            "name": ["offer", "better offer", None], "emailaddress": ["q@contoso.com", None],
            "statecode": [1, 1, 1, 0, 2], "discountamount": [None, None, Decimal("5")],
            "transactioncurrencyid": _CURRENCIES[:2],
            "requestdeliveryby": ["2026-05-04T07:00:00Z", "2026-05-05T07:00:00Z", "some day", None],
            "expireson": ["2026-12-31", "1850-01-01", None],
        },
        "quotenumber",
        ["Q-1", "Q-2", "Q-3"],
    )  # fmt: skip
    products = Pool(
        {
            "ProductName": "Chair", "ProductDescription": None, "CurrencyCode": "USD", "SalesUnitSymbol": "EA",
            "SalesPrice": Decimal("10.50"), "UnitCost": Decimal(4), "SalesUnitDecimalPrecision": 0,
            "ProductType": "Item",
        },
        {
            "ProductName": ["Chair", "Table", None], "ProductDescription": ["wood", None],
            "CurrencyCode": ["USD", "EUR", "XXX", None], "SalesUnitSymbol": ["EA", "KG", "??", None],
            "SalesPrice": [Decimal("10.50"), Decimal(12), Decimal(0), Decimal(10) ** 15],
            "ProductType": ["Item", "Item", "Service", "Subscription"],
        },
        "ProductNumber",
        ["P-1", "P-2", "P-3", "P-4", "p-2", "P-\ud800"],
    )  # fmt: skip
    return {"accounts": accounts, "contacts": contacts, "quotes": quotes, "products": products}


@dataclass(slots=True)
class Company:
    """The people of both systems. `is_tied` says whether the sync knows which row of a target is a record's. `deeds`
    and `purges` are what people do to the records of further flows; `quote_removed` hears of the number of each quote
    that is deleted."""

    stage: Stage
    pools: Mapping[str, Pool]
    tables: Mapping[str, Sequence[Mapping[str, Any]]]
    quotes_made: int = 0
    lines_made: int = 0
    products_made: int = 0
    lists_removed: dict[str, Values] = field(default_factory=dict)
    is_tied: Callable[[tuple[str, str]], bool] = lambda _record: True
    deeds: dict[str, list[Callable[[random.Random], object]]] = field(default_factory=dict)
    purges: dict[str, Callable[[random.Random], None]] = field(default_factory=dict)
    quote_removed: Callable[[str], None] = lambda _number: None

    def found(self) -> None:
        """Both systems as they are before anybody does anything."""
        sales = self.stage.sales
        ids = {"accounts": "accountid", "contacts": "contactid", "quotes": "quoteid", "quotedetails": "quotedetailid"}
        ids |= {"products": "productid", "productpricelevels": "productpricelevelid"}
        ids |= {"salesorders": "salesorderid", "salesorderdetails": "salesorderdetailid"}
        ids |= {"invoices": "invoiceid", "invoicedetails": "invoicedetailid"}
        for name, id_column in ids.items():
            sales.tables[name] = Table(id_column)
        for name, rows in self.tables.items():
            table = sales.tables[name] = Table("id")
            table.rows = {str(number): dict(row) for number, row in enumerate(rows)}
        for company in COMPANIES:
            self.stage.finops.products[company] = {}
        self.stage.finops.exists = self.has

    def has(self, record: tuple[str, str]) -> bool:
        """Whether a record is in its source."""
        flow, id = record
        sales = self.stage.sales.tables
        if flow == "products":
            return any(id in rows for rows in self.stage.finops.products.values())
        if flow in _NUMBERED:
            table, number = _NUMBERED[flow]
            return any(row[number] == id for row in sales[table].rows.values())
        if flow == "ordersback":
            return any(id == row.key for name in COMPANIES for row in self.stage.finops.rows_of(name, ORDERS).values())
        if flow == "invoices":
            return any(id in posted for posted in self.stage.finops.invoices.values())
        return id in sales[flow].rows

    def begin(self, dice: random.Random, *, in_order: bool = False) -> None:
        """Some records are there from the beginning: in half of the histories, or where asked for, those that belong to
        one another."""
        if dice.random() < 0.5 or in_order:
            self._begin_in_order(dice)
        for _ in range(dice.randint(3, 8)):
            self.edit(dice)

    def _begin_in_order(self, dice: random.Random) -> None:
        """Two accounts, a contact and a quote of each, and products: all of them as they are for the target."""
        for place in range(2):
            account = self._new("accounts", place)
            parent = {"_parentcustomerid_value": account, "parentcustomerid_account": {"accountid": account}}
            self._new("contacts", place, {**parent, "msdynce_isactivecustomer": False})
            customer: Values = {"customerid_account": {"accountid": account}, "customerid_contact": None}
            numbers = self.pools["quotes"].numbers
            # A sample may have one quote only.
            self._new_quote(numbers[place % len(numbers)], place // len(numbers), customer, dice)
        for number in self.pools["products"].numbers[:2]:
            self._new_product(self.stage.finops.products[COMPANIES[0]], number)

    def _new(self, name: str, place: int, further: Mapping[str, Any] | None = None) -> str:
        pool = self.pools[name]
        id, number = pool.ids[place], pool.numbers[place % len(pool.numbers)]
        self.stage.sales.save(name, id, {**pool.first_row(place), pool.number: number, **(further or {})})
        return id

    def _new_product(self, rows: dict[str, Values], number: str) -> None:
        pool = self.pools["products"]
        rows[number] = {**pool.first_row(pool.numbers.index(number)), pool.number: number}

    def edit(self, dice: random.Random) -> None:
        """Somebody does something to a record."""
        deeds: list[tuple[Callable[[random.Random], None], int]] = [
            (self.edit_account, 4),
            (self.edit_contact, 4),
            (self.edit_quote, 3),
            (self.edit_line, 3),
            (self.edit_product, 4),
        ]
        dice.choices([deed for deed, _ in deeds], [weight for _, weight in deeds])[0](dice)

    def edit_of(self, flow: str, dice: random.Random) -> None:
        """Somebody does something to a record of a flow."""
        deeds: dict[str, Sequence[Callable[[random.Random], object]]] = {
            "accounts": [self.edit_account],
            "contacts": [self.edit_contact],
            "products": [self.edit_product],
            "quotations": [self.edit_quote, self.edit_line],
            **self.deeds,
        }
        dice.choice(deeds[flow])(dice)

    def edit_account(self, dice: random.Random) -> None:
        """An account is created, changed or deleted."""
        self._edit("accounts", dice)

    def edit_contact(self, dice: random.Random) -> None:
        """A contact is created, changed, moved to another account, or deleted."""
        further: Values = {}
        if dice.random() < 0.6:
            account = self._some("accounts", dice) if dice.random() < 0.9 else None
            further = {
                "_parentcustomerid_value": account,
                "parentcustomerid_account": None if account is None else {"accountid": account},
            }
        self._edit("contacts", dice, further)

    def _edit(self, name: str, dice: random.Random, further: Mapping[str, Any] | None = None) -> None:
        pool, sales = self.pools[name], self.stage.sales
        place = dice.randrange(len(pool.ids))
        id = pool.ids[place]
        row = sales.tables[name].rows.get(id)
        if row is None:
            own = pool.numbers[place % len(pool.numbers)]
            number = own if dice.random() < 0.75 else dice.choice(pool.numbers)
            sales.save(name, id, {**pool.first_row(place), pool.number: number, **(further or {})})
        elif dice.random() < 0.1:
            self._remove(name, id)
        else:
            changes = self._changes(pool, dice) | dict(further or {})
            if dice.random() < 0.15:
                changes[pool.number] = dice.choice([*pool.numbers, None])
            sales.save(name, id, changes)

    @staticmethod
    def _changes(pool: Pool, dice: random.Random) -> Values:
        columns = dice.sample(sorted(pool.columns), k=min(len(pool.columns), dice.randint(1, 2)))
        return {column: dice.choice(pool.columns[column]) for column in columns}

    def edit_quote(self, dice: random.Random) -> None:
        """A quote is created, revised, changed, closed or deleted; a number may be given twice."""
        sales, pool = self.stage.sales, self.pools["quotes"]
        rows = sales.tables["quotes"].rows
        customer = self.customer(dice)
        if not rows or (len(rows) < 6 and dice.random() < 0.4):
            used = {row["quotenumber"] for row in rows.values()}
            free = [number for number in pool.numbers if number not in used]
            number = dice.choice(free) if free and dice.random() < 0.8 else dice.choice(pool.numbers)
            self._new_quote(number, 0, customer, dice)
            return
        id = dice.choice(sorted(rows))
        row = rows[id]
        fate = dice.random()
        if fate < 0.12:
            self._remove_quote(id)
            if fate < 0.06:
                # Somebody gives its number once more.
                self._new_quote(row["quotenumber"], 0, customer, dice)
        elif fate < 0.25 and row["statecode"] == 1 and len(rows) < 7:
            sales.save("quotes", id, {"statecode": 3, "statuscode": 7})
            same = [each for each in rows.values() if each["quotenumber"] == row["quotenumber"]]
            number = 1 + max(each["revisionnumber"] for each in same)
            copy = self._new_quote(row["quotenumber"], number, {}, dice, like=row)
            for line in [row for row in sales.tables["quotedetails"].rows.values() if row["_quoteid_value"] == id]:
                self._new_line(copy, line)
        else:
            further = customer if dice.random() < 0.2 else {}
            sales.save("quotes", id, {**self._changes(pool, dice), **further})

    def customer(self, dice: random.Random) -> Values:
        """The customer of a document, if it has any."""
        fate = dice.random()
        if fate < 0.05:
            return {"customerid_account": None, "customerid_contact": None}
        if fate < 0.7:
            return {"customerid_account": {"accountid": self._some("accounts", dice)}, "customerid_contact": None}
        return {"customerid_account": None, "customerid_contact": {"contactid": self._some("contacts", dice)}}

    def _some(self, name: str, dice: random.Random) -> str:
        """A record that is mostly there."""
        there = sorted(self.stage.sales.tables[name].rows)
        return dice.choice(there) if there and dice.random() < 0.8 else dice.choice(self.pools[name].ids)

    def _new_quote(
        self, number: str, revision: int, customer: Values, dice: random.Random, like: Mapping[str, Any] | None = None
    ) -> str:
        self.quotes_made += 1
        id = made_id(0xD, self.quotes_made)
        pool = self.pools["quotes"]
        start = {**pool.first_row(pool.numbers.index(number)), **customer} if like is None else dict(like)
        own = {"quoteid": id, "quotenumber": number, "revisionnumber": revision, "statecode": 1, "statuscode": 2}
        self.stage.sales.save("quotes", id, {**start, **own})
        for _ in range(0 if like is not None else dice.randint(0, 2)):
            self._new_line(id, self.line(dice))
        return id

    def _remove_quote(self, id: str) -> None:
        """Dataverse deletes the lines of a deleted quote."""
        sales = self.stage.sales
        for line in [each for each, row in sales.tables["quotedetails"].rows.items() if row["_quoteid_value"] == id]:
            sales.remove("quotedetails", line)
        number = sales.tables["quotes"].rows[id]["quotenumber"]
        self._remove("quotes", id)
        self.quote_removed(number)

    def _remove(self, name: str, id: str) -> None:
        """Somebody deletes a record."""
        self.stage.sales.remove(name, id)
        self.stage.finops.note_gone()

    def line(self, dice: random.Random) -> Values:
        """What a line of a quote or an order says."""
        if "lines" in self.pools:
            pool = self.pools["lines"]
            return {**pool.first_row(dice.randrange(len(pool.rows))), **self._changes(pool, dice)}
        mapper = mappers_of(SettingsKey(next(iter(VARIANTS)), RENAMED_URL, COMPANIES[0], MAPS)).quotations
        external = dice.random() < 0.96
        number = dice.choice(["P-1", "P-2", "P-3"])
        return {
            **_blank(mapper.line_select, mapper.line_expand),
            "isproductoverridden": dice.random() < 0.03,
            "quantity": None if dice.random() < 0.04 else Decimal(dice.randint(1, 3)),
            "priceperunit": None
            if dice.random() < 0.03
            else Decimal(dice.choice(["5", "7.25", "7.25", "8", "1.23456"])),
            "manualdiscountamount": Decimal(dice.choice(["0", "1"])),
            "volumediscountamount": Decimal(0),
            "lineitemnumber": dice.choice([None, 1, 2, 3]),
            "productid": {"productnumber": number, "msdynce_ismaintainedexternally": external, "producttypecode": 1},
            "uomid": {"name": dice.choice(["Each", "Kilogram"])},
        }

    def _new_line(self, quote: str, values: Mapping[str, Any]) -> None:
        self.lines_made += 1
        id = made_id(0xE, self.lines_made)
        self.stage.sales.save("quotedetails", id, {**values, "quotedetailid": id, "_quoteid_value": quote})

    def edit_line(self, dice: random.Random) -> None:
        """A line is added, changed or deleted."""
        sales = self.stage.sales
        quotes, lines = sales.tables["quotes"].rows, sales.tables["quotedetails"].rows
        if not quotes:
            self.edit_quote(dice)
        elif not lines or (len(lines) < 10 and dice.random() < 0.4):
            self._new_line(dice.choice(sorted(quotes)), self.line(dice))
        else:
            id = dice.choice(sorted(lines))
            if dice.random() < 0.3:
                sales.remove("quotedetails", id)
            else:
                changed = self.line(dice)
                columns = dice.sample(["quantity", "priceperunit", "uomid", "manualdiscountamount"], k=1)
                sales.save("quotedetails", id, {column: changed[column] for column in columns if column in changed})

    def edit_product(self, dice: random.Random) -> None:
        """A product is released, changed, or no longer sellable."""
        pool = self.pools["products"]
        rows = self.stage.finops.products[dice.choice((COMPANIES[0], COMPANIES[0], COMPANIES[1]))]
        number = dice.choice(pool.numbers)
        there = next((key for key in rows if fold(key) == fold(number)), None)
        if there is None:
            self._new_product(rows, number)
        elif dice.random() < 0.15:
            del rows[there]
        else:
            rows[there].update(self._changes(pool, dice))

    def call_all(self, flow: str, number: str) -> None:
        """Somebody gives every record of a flow another telephone number."""
        for id in sorted(self.stage.sales.tables[flow].rows):
            self.stage.sales.save(flow, id, {"telephone1": number})

    def think_again(self, flow: str, dice: random.Random) -> Callable[[], None] | None:
        """Somebody changes a record; what is returned changes it back. None where there is no record."""
        sales, name = self.stage.sales, {"quotations": "quotes"}.get(flow, flow)
        if name not in self.pools:
            return None
        pool = self.pools[name]
        rows: Any = self.stage.finops.products[COMPANIES[0]] if flow == "products" else sales.tables[name].rows
        if not rows:
            return None
        id = dice.choice(sorted(rows))
        changes = self._changes(pool, dice)
        former = {column: rows[id].get(column) for column in changes}

        def put(values: Values) -> None:
            if id in rows and flow == "products":
                rows[id].update(values)
            elif id in rows:
                sales.save(name, id, values)

        put(changes)
        return lambda: put(former)

    def renumber(self, record: tuple[str, str], dice: random.Random) -> None:
        """Somebody gives an account or a contact another number."""
        flow, id = record
        if flow in ("accounts", "contacts") and id in self.stage.sales.tables[flow].rows:
            pool = self.pools[flow]
            unused = f"{pool.numbers[0]}{dice.randint(0, 9)}"
            self.stage.sales.save(flow, id, {pool.number: unused if dice.random() < 0.7 else dice.choice(pool.numbers)})

    def call_one(self, dice: random.Random) -> Callable[[], None] | None:
        """An account that has a customer gets another phone. Returns what deletes it and gives its number to an account
        that was not there; None if there is no such pair."""
        pool, sales = self.pools["accounts"], self.stage.sales
        there = sales.tables["accounts"].rows
        customers = self.stage.finops.rows_of(COMPANIES[0], CUSTOMERS)
        owners = [
            (row.of[1], row.key)
            for _, row in sorted(customers.items())
            if row.of is not None and row.of[0] == "accounts" and row.of[1] in there and self.is_tied(row.of)
        ]
        absent = [place for place, id in enumerate(pool.ids) if id not in there]
        if not owners or not absent:
            return None
        (id, number), place = dice.choice(owners), dice.choice(absent)
        sales.save("accounts", id, {"telephone1": f"{dice.randint(10, 99)}"})

        def bequeath() -> None:
            if id in there:
                self._remove("accounts", id)
            sales.save("accounts", pool.ids[place], {**pool.first_row(place), pool.number: number})

        return bequeath

    def purge(self, flow: str, dice: random.Random) -> None:
        """Somebody deletes nearly all records of a kind at once."""
        sales = self.stage.sales
        match flow:
            case _ if flow in self.purges:
                self.purges[flow](dice)
            case "products":
                rows = self.stage.finops.products[COMPANIES[0]]
                for number in [number for number in sorted(rows) if dice.random() < 0.8]:
                    del rows[number]
            case "quotations":
                for id in [id for id in sorted(sales.tables["quotes"].rows) if dice.random() < 0.8]:
                    self._remove_quote(id)
            case _:
                for id in [id for id in sorted(sales.tables[flow].rows) if dice.random() < 0.8]:
                    self._remove(flow, id)

    def edit_price_lists(self, dice: random.Random) -> None:
        """A price list ends, begins, or is renamed."""
        table = self.stage.sales.tables[catalogue.PRICE_LISTS]
        fate = dice.random()
        if self.lists_removed and fate < 0.5:
            place, row = self.lists_removed.popitem()
            table.rows[place] = row
            return
        if fate > 0.75 and (unused := self._unused_price_lists()):
            place = dice.choice(unused)
            self.lists_removed[place] = table.rows.pop(place)
            return
        row = table.rows[dice.choice(sorted(table.rows))]
        choices: list[tuple[str, list[Any]]] = [
            ("enddate", ["2026-03-03", "2026-12-31", None]),
            ("statecode", [0, 0, 1]),
            ("name", ["AA", "Retail", "ZZ"]),
        ]
        column, values = dice.choice(choices)
        row[column] = dice.choice(values)

    def _unused_price_lists(self) -> list[str]:
        """Those of which no price and no product knows; one stays."""
        sales = self.stage.sales.tables
        items, products = sales["productpricelevels"].rows.values(), sales["products"].rows.values()
        used = {row.get("_pricelevelid_value") for row in (*items, *products)}
        rows = sales[catalogue.PRICE_LISTS].rows
        return [place for place, row in sorted(rows.items()) if row["pricelevelid"] not in used][: len(rows) - 1]

    def has_rows_of(self, flow: str, company: str) -> bool:
        """Whether rows that were written for a flow are in its target, as seen from a company."""
        if flow in _TO_SALES:
            return any(writer[0] == flow for writer in self.stage.sales.writers.values())
        owned = (
            row.of
            for (collection, _), rows in self.stage.finops.collections.items()
            if collection == company
            for row in rows.values()
        )
        return any(each is not None and each[0] == flow for each in owned)

    def disown(self, record: tuple[str, str]) -> None:
        """An operator has taken a record off its row: the row is only people's now, with all that stands in it."""
        for rows in self.stage.finops.collections.values():
            for row in rows.values():
                if row.of == record:
                    row.of = None
                    row.touched.update(row.values)
        for row in self.stage.finops.removed_orders.values():
            row.of = None if row.of == record else row.of
        self.stage.sales.writers = {id: writer for id, writer in self.stage.sales.writers.items() if writer != record}
        if self.stage.finops.watch is not None:
            self.stage.finops.watch.forget_deleted(record)

    def hand_over(self, company: str, key: str, record: tuple[str, str]) -> None:
        """An operator has said that a sales order is the one of an order."""
        row = self.stage.finops.rows_of(company, ORDERS).get(fold(key))
        if row is not None:
            row.of = record

    def of_others(self, dice: random.Random) -> None:
        """People of the target do something to a row of theirs, or of ours."""
        deeds = [
            self._foreign_customer,
            self._foreign_product,
            self._foreign_quotation,
            self._edit_target,
            self._edit_target,
            self.remove_target,
            self.remove_target,
            self._edit_status,
        ]
        dice.choice(deeds)(dice)

    def _foreign_customer(self, dice: random.Random) -> None:
        """A customer that nobody has synced, under a number that a record has or may get."""
        rows = self.stage.finops.rows_of(COMPANIES[0], CUSTOMERS)
        number = dice.choice([*self.pools["accounts"].numbers, *self.pools["contacts"].numbers]).strip()
        if (COMPANIES[0], CUSTOMERS, fold(number)) not in self.stage.finops.removed:
            rows.setdefault(fold(number), Row(number, {"OrganizationName": "of others"}))

    def _foreign_product(self, dice: random.Random) -> None:
        """A product that people of Sales have made."""
        number = dice.choice(self.pools["products"].numbers)
        rows = self.stage.sales.tables["products"].rows.values()
        is_removed = (COMPANIES[0], "products", fold(number)) in self.stage.finops.removed
        if not is_removed and all(fold(row["productnumber"]) != fold(number) for row in rows):
            self.products_made += 1
            values = {"productnumber": number, "name": "of others", "statecode": dice.choice([0, 1, 2])}
            self.stage.sales.save(
                "products", made_id(0xF, self.products_made), {**values, "productstructure": dice.choice([1, 1, 2])}
            )

    def _foreign_quotation(self, dice: random.Random) -> None:
        """A quotation that people of F&O have made."""
        rows = self.stage.finops.rows_of(COMPANIES[0], QUOTATIONS)
        number = dice.choice(self.pools["quotes"].numbers)
        if (COMPANIES[0], QUOTATIONS, fold(number)) not in self.stage.finops.removed:
            lines: dict[int, Values] = {1: {"ProductNumber": dice.choice(["P-1", "P-9"])}}
            row = Row(number, {quotation_rules.STATUS_FIELD: "Created"}, lines=lines)
            rows.setdefault(fold(number), row)

    def _edit_target(self, dice: random.Random) -> None:
        for entity, name in (
            (CUSTOMERS, "PrimaryContactPhone"),
            (PERSONS, "PrimaryPhoneNumber"),
            (QUOTATIONS, "SalesQuotationName"),
        ):
            rows = self.stage.finops.rows_of(COMPANIES[0], entity)
            if rows and dice.random() < 0.6:
                row = rows[dice.choice(sorted(rows))]
                if row.of is not None and name in row.values and not self.is_tied(row.of):
                    row.doubtful = True
                row.change({name: "changed there"})
                row.touched.add(name)
                return

    def remove_target(self, dice: random.Random) -> None:
        """A row of F&O is deleted that nothing refers to."""
        for entity in dice.sample([PERSONS, QUOTATIONS, CUSTOMERS], k=3):
            rows = self.stage.finops.rows_of(COMPANIES[0], entity)
            if rows:
                key = dice.choice(sorted(rows))
                if entity == CUSTOMERS and self._is_used(rows[key].key):
                    continue
                place = COMPANIES[0], entity, key
                if self.stage.finops.watch is not None:
                    self.stage.finops.watch.note_deleted(place, rows[key])
                self.stage.finops.removed.add(place)
                del rows[key]
                return

    def _is_used(self, customer: str) -> bool:
        """F&O deletes no customer that something refers to."""
        finops = self.stage.finops
        persons = finops.rows_of(COMPANIES[0], PERSONS).values()
        quotes = finops.rows_of(COMPANIES[0], QUOTATIONS).values()
        used = {fold(row.key.partition("/")[2]) for row in persons}
        used |= {fold(str(row.values.get(quotations.CUSTOMER_FIELD))) for row in quotes}
        used |= {
            fold(str(row.values.get(orders.CUSTOMER_FIELD))) for row in finops.rows_of(COMPANIES[0], ORDERS).values()
        }
        return fold(customer) in used

    def _edit_status(self, dice: random.Random) -> None:
        rows = self.stage.finops.rows_of(COMPANIES[0], QUOTATIONS)
        if rows:
            row = rows[dice.choice(sorted(rows))]
            status = dice.choice(["Sent", "Created", "Confirmed"])
            row.change(
                {quotation_rules.STATUS_FIELD: status, quotation_rules.ORDER_FIELD: dice.choice(["", "", "SO-1"])}
            )


def try_deeds(deeds: Sequence[tuple[Callable[[random.Random], bool], float]], dice: random.Random) -> None:
    """Somebody does one thing, by these weights. What cannot be done now is another one's turn."""
    names, weights = [deed for deed, _ in deeds], [weight for _, weight in deeds]
    for _ in range(_MOST_TRIES):
        if dice.choices(names, weights)[0](dice):
            return


def small_tables() -> dict[str, list[Values]]:
    """The tables in which products are looked up, and how date columns behave."""
    lists = [("Retail", _USD, None, None), ("Trade", _USD, None, None), ("Euro", _EUR, None, None)]
    tables: dict[str, list[Values]] = {
        catalogue.CURRENCIES: [
            {"transactioncurrencyid": id, "isocurrencycode": code, "currencyprecision": 2, "statecode": 0}
            for id, code in ((_USD, "USD"), (_EUR, "EUR"))
        ],
        catalogue.UNITS: [
            {"uomid": id, "name": name, "_uomscheduleid_value": _GROUP}
            for id, name in ((_EACH, "Each"), (_KILO, "Kilogram"))
        ],
        catalogue.UNIT_GROUPS: [{"uomscheduleid": _GROUP, "name": "Default unit", "statecode": 0}],
        catalogue.PRICE_LISTS: [
            {
                "pricelevelid": id, "name": name, "_transactioncurrencyid_value": currency, "begindate": begin,
                "enddate": end, "statecode": 0,
            }
            for id, (name, currency, begin, end) in zip(_LISTS, lists, strict=True)
        ],
        catalogue.ORGANIZATION: [{"organizationid": made_id(1, 1), "pricingdecimalprecision": 2}],
    }  # fmt: skip
    dates = {**price_lists.DATE_COLUMNS, **quotations.DATE_COLUMNS, **orders.DATE_COLUMNS}
    for table, columns in dates.items():
        tables[date_columns.metadata_of(table)] = [
            {"LogicalName": column, "DateTimeBehavior": {"Value": behavior.value}}
            for column, behavior in columns.items()
        ]
    return tables
