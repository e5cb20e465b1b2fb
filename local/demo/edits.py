"""What users do in both systems while you watch: small edits, through the systems' own services."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from local.demo.systems import Access
from shared.clients import quoting
from shared.records import Json, Values

_API = "/api/data/v9.2"
_REPRESENTATION = {"Prefer": "return=representation"}
ACTIVE: Mapping[str, Json] = {"statecode": 0, "statuscode": 1}
INACTIVE: Mapping[str, Json] = {"statecode": 1, "statuscode": 2}


@dataclass(frozen=True, slots=True)
class Sales:
    """A Sales user who edits the rows of one table in Dataverse."""

    access: Access
    entity_set: str = "accounts"
    table: str = "account"

    def create(self, values: Mapping[str, Json]) -> str:
        """Add a row; returns its id."""
        created = self.access.send("POST", f"{_API}/{self.entity_set}", {**values}, **_REPRESENTATION)
        return str(created[self._id_column]).lower()

    def change(self, id: str, values: Mapping[str, Json]) -> None:
        """Change some columns of a row that exists."""
        self.access.send("PATCH", f"{_API}/{self.entity_set}({id})", {**values}, **{"If-Match": "*"})

    def change_many(self, changes: Mapping[str, Mapping[str, Json]]) -> None:
        """Change columns of many rows that exist, by their ids, in one request."""
        kind = f"Microsoft.Dynamics.CRM.{self.table}"
        targets: list[Json] = [{"@odata.type": kind, self._id_column: id, **values} for id, values in changes.items()]
        path = f"{_API}/{self.entity_set}/Microsoft.Dynamics.CRM.UpdateMultiple"
        self.access.send("POST", path, {"Targets": targets})

    @property
    def _id_column(self) -> str:
        return f"{self.table}id"


@dataclass(frozen=True, slots=True)
class Fulfilment:
    """An F&O user in one company."""

    access: Access
    company: str

    def put_products(self, products: Sequence[Mapping[str, Json]]) -> None:
        """Release products to the company, or change some properties of them; each is identified by its
        ProductNumber."""
        self.access.control("POST", "products", [{"dataAreaId": self.company, **product} for product in products])

    def remove_product(self, number: str) -> None:
        """Remove a product from the company: it is no longer sellable."""
        self.access.control("DELETE", "products", {"dataAreaId": self.company, "ProductNumber": number})

    def group(self, group: str) -> Values | None:
        """A customer group, None if there is none."""
        path = f"/data/CustomerGroups?{quoting.query(self._named(group))}"
        return next(self.access.rows(path), None)

    def remove_group(self, group: str) -> None:
        """Remove a customer group."""
        key = quoting.key_segment({"dataAreaId": self.company, "CustomerGroupId": group})
        self.access.send("DELETE", f"/data/CustomerGroups{key}?cross-company=true")

    def restore_group(self, row: Values) -> None:
        """Add a customer group again, as it was."""
        values = {name: value for name, value in row.items() if "@" not in name}
        self.access.send("POST", "/data/CustomerGroups?cross-company=true", values)

    def _named(self, group: str) -> Mapping[str, str]:
        wanted = quoting.all_of(quoting.equals("dataAreaId", self.company), quoting.equals("CustomerGroupId", group))
        return {"$filter": wanted, "cross-company": "true"}
