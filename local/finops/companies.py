"""Which companies a request sees and changes."""

from local.finops.refusals import bad_request
from local.finops.schema import COMPANY, EntityType
from local.finops.tables import Row, Tables
from local.simulator.filters import Condition
from local.simulator.store import padded


def visible(of: EntityType, company: str, *, cross: bool) -> Condition:
    """The rows that a read may show: those of the user's default company, or of all with `cross`."""
    if cross or not of.company_specific:
        return Condition("1")
    return Condition(f'"{COMPANY}" = ?', (company,))


def within_reach(of: EntityType, key: Row, company: str, *, cross: bool) -> bool:
    """Whether a key is in a company that the request may touch."""
    return cross or not of.company_specific or padded(str(key[COMPANY])) == padded(company)


def require_company(tables: Tables, company: str) -> str:
    """The company in lower case. Raises Refused (400) if no legal entity has this id."""
    legal_entities = tables.schema.entities["LegalEntities"]
    if tables.find(legal_entities, {"LegalEntityId": company}) is None:
        raise bad_request(f"The company '{company}' does not exist.")
    return company.rstrip(" ").lower()
