"""Which company's deployment maintains a product: who is asked for the companies, and how often."""

from uuid import NAMESPACE_DNS, uuid5

from shared.clients.finops.environment import FinopsSystem
from shared.flows.products.deployments import OtherDeployments
from shared.records import TargetRow
from tests.unit.clients.fakes import line, values_of


def id_in(company: str, number: str) -> str:
    """An id that is derived from company and number."""
    return str(uuid5(NAMESPACE_DNS, f"{company} {number}"))


MADE_BY_US = TargetRow({}, id_in("usmf", "p-1"))


def test_the_companies_are_read_once_in_ten_minutes_also_if_there_is_no_other() -> None:
    finops = line(values_of([{"LegalEntityId": "usmf", "Name": "Contoso"}]))
    others = OtherDeployments(FinopsSystem(finops.channel, "usmf"), "usmf", id_in, ())
    assert [others.refusal("P-1", MADE_BY_US) for _ in range(3)] == [None, None, None]
    assert len(finops.server.calls) == 1
    finops.clock.sleep(601)
    others.refusal("P-1", MADE_BY_US)
    assert len(finops.server.calls) == 2
