"""How the date columns of Sales behave, read from Sales itself and never from the sync's state."""

from local.demo.flows import API, Systems
from local.demo.systems import DATAVERSE
from shared.clients import quoting
from shared.mapping.date_columns import SELECT, DateColumns, metadata_of
from shared.records import References


def read_behaviors(systems: Systems, columns: DateColumns) -> References:
    """The metadata of the tables that have these columns."""
    query = quoting.query({"$select": quoting.columns(SELECT)})
    places = [metadata_of(table) for table in columns]
    return {place: tuple(systems[DATAVERSE].rows(f"{API}/{place}?{query}")) for place in places}
