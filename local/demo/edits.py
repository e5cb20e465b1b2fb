"""What people do in both systems while one watches: small edits, through the systems' own services."""

from collections.abc import Mapping
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
    """A sales person at work in Dataverse."""

    access: Access

    def create(self, values: Mapping[str, Json]) -> str:
        """Add an account; returns its id."""
        created = self.access.send("POST", f"{_API}/accounts", {**values}, **_REPRESENTATION)
        return str(created["accountid"]).lower()

    def change(self, id: str, values: Mapping[str, Json]) -> None:
        """Change some columns of an account that exists."""
        self.access.send("PATCH", f"{_API}/accounts({id})", {**values}, **{"If-Match": "*"})


@dataclass(frozen=True, slots=True)
class Fulfilment:
    """Somebody at work in F&O, in one company."""

    access: Access
    company: str

    def group(self, group: str) -> Values | None:
        """A customer group, None when there is none."""
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
