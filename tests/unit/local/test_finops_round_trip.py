"""Any customer number survives the way in and out."""

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from local.finops.keys import TROUBLE
from tests.support.patience import PATIENCE_S
from tests.unit.local.finops_environment import CUSTOMER, Caller, customer_url, environment

# Control characters are no text of a number; an asterisk is a wildcard in a filter.
NUMBERS = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="".join(TROUBLE) + "*"), min_size=1, max_size=10
).filter(lambda number: number.strip(" ") != "") | st.sampled_from(
    ["O'Neil", "''", " leading", "Ünï çødé", "a,b=c", "()", "𝄞&;@$!~"]
)


@pytest.fixture(scope="module")
def finops() -> Iterator[Caller]:
    with environment() as caller:
        yield caller


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(number=NUMBERS)
def test_any_customer_number_is_found_by_filter_and_by_key_and_deleted(finops: Caller, number: str) -> None:
    created = finops.post("CustomersV3", {**CUSTOMER, "CustomerAccount": number})
    assert created.status_code == 201, created.text
    literal = "'" + number.replace("'", "''") + "'"
    rows = finops.rows("CustomersV3", {"$filter": f"CustomerAccount eq {literal}", "$select": "CustomerAccount"})
    # The database keeps no blanks at the end.
    kept = number.rstrip(" ")
    assert [row["CustomerAccount"] for row in rows] == [kept]
    assert finops.get(customer_url(number)).json()["CustomerAccount"] == kept
    assert finops.session.get(created.headers["Location"], timeout=PATIENCE_S).json()["CustomerAccount"] == kept
    assert finops.delete(customer_url(number)).status_code == 204
