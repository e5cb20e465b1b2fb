"""Preflight's check of the accounts of several companies: each account is the customer of one."""

from collections.abc import Iterator
from functools import partial

from shared.clients import quoting
from shared.clients.dataverse.environment import DataverseSystem
from shared.clients.finops.environment import ACROSS, FinopsSystem, rows_of
from shared.counting import counted
from shared.flows.accounts import mapping as accounts
from shared.flows.accounts.mapping import AccountMapper
from shared.flows.checks import FINOPS, Check, CheckResult, part
from shared.flows.spec import Deployment
from shared.mapping.verdicts import Filtered, Known
from shared.records import SourceRow, Values
from shared.setupguide import section

_APART = "no account of this deployment is a customer of another company in CustomersV3"
_COMPANY, _MARK = "dataAreaId", "IsExternallyMaintained"
# How many customers of each other company are looked at, and how many accounts are named.
_LOOKED_AT, _NAMED = 500, 3


def others_customers(
    mapper: AccountMapper, deployment: Deployment, dataverse: DataverseSystem, finops: FinopsSystem
) -> Iterator[Check]:
    """Whether the filters of this deployment keep accounts that the sync of another company has made customers. Only
    customers in the same F&O are seen, and only if the app's user may see these companies."""
    yield from part(FINOPS, _APART, partial(_apart, mapper, deployment, dataverse, finops))


def _apart(
    mapper: AccountMapper, deployment: Deployment, dataverse: DataverseSystem, finops: FinopsSystem
) -> Iterator[Check]:
    companies = [code for code, _name in finops.companies() if code.casefold() != deployment.company]
    if not companies:
        # One legal entity, or no right to see another one.
        return
    theirs = {
        str(row[accounts.KEY_FIELD]): str(row[_COMPANY])
        for company in companies
        for row in _customers(finops, company)
        if row.get(_MARK) == "Yes"
    }
    kept = sorted(str(row[accounts.KEY_COLUMN]) for row in _kept(mapper, dataverse, list(theirs)))
    if not kept:
        yield Check(FINOPS, _APART, CheckResult.WELL)
        return
    named = ", ".join(f"{number} of {theirs.get(number, 'another company')}" for number in kept[:_NAMED])
    more = f" and {len(kept) - _NAMED} more" if len(kept) > _NAMED else ""
    found = f"{counted(len(kept), 'account')} that this deployment keeps: {named}{more}"
    yield Check(FINOPS, _APART, CheckResult.BY_HAND, found, section("1.1"))


def _customers(finops: FinopsSystem, company: str) -> Iterator[Values]:
    parameters = {
        "$filter": quoting.equals(_COMPANY, company),
        "$select": quoting.columns([_COMPANY, accounts.KEY_FIELD, _MARK]),
        "$top": str(_LOOKED_AT),
        **ACROSS,
    }
    return rows_of(finops.channel, finops.url(accounts.TARGET_SET, parameters), accounts.TARGET_SET)


def _kept(mapper: AccountMapper, dataverse: DataverseSystem, numbers: list[str]) -> Iterator[Values]:
    """The accounts with these numbers that the filters of the mapping let through."""
    parameters = {
        "$select": quoting.columns([accounts.ID_COLUMN, accounts.KEY_COLUMN, *mapper.select]),
        "$expand": quoting.expansions(mapper.table.expand),
    }
    now = Known(dataverse.channel.clock.now())
    for row in dataverse.rows_with(accounts.ENTITY_SET, accounts.KEY_COLUMN, numbers, parameters):
        values = {name: value for name, value in row.items() if "@" not in name}
        if not isinstance(mapper.evaluate(SourceRow(str(row[accounts.ID_COLUMN]), None, values), now), Filtered):
            yield values
