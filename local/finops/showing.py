"""Records as JSON, with as much metadata as the client asks for."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from local.finops.addresses import address
from local.finops.etags import etag
from local.finops.schema import EntityType, Kind, Property
from local.finops.tables import Record
from local.finops.values import shown
from shared.records import Json

_DETAIL = re.compile(r"application/json\s*;(?:[^,]*;)?\s*odata\.metadata\s*=\s*(full|minimal|none)\b", re.IGNORECASE)


class Detail(StrEnum):
    """How much a body says about itself."""

    FULL = "full"
    MINIMAL = "minimal"
    NONE = "none"


def detail_of(accepted: str) -> Detail:
    """The detail that an Accept header or $format names first; minimal if it names none."""
    found = _DETAIL.search(accepted)
    return Detail(found[1].lower()) if found else Detail.MINIMAL


@dataclass(frozen=True, slots=True)
class Form:
    """How the records of one answer are written; `base_url` is the address of the environment."""

    detail: Detail
    base_url: str

    def members(
        self, of: EntityType, record: Record, select: tuple[str, ...] | None, expanded: Mapping[str, Json]
    ) -> dict[str, Json]:
        """The JSON object of a record: what is said about it, the selected properties, then what is expanded.

        The row holds the key as well if all metadata is requested.
        """
        members = self._about(of, record)
        if self.detail is Detail.FULL:
            for name in select or of.properties:
                members |= _with_type(of.properties[name], shown(of.properties[name], record.row[name]))
        else:
            members |= {name: shown(of.properties[name], record.row[name]) for name in select or of.properties}
        for name in _linked(of, select, expanded) if self.detail is Detail.FULL else expanded:
            members |= self._navigation(of, record, name)
            members |= {name: expanded[name]} if name in expanded else {}
        return members

    def _about(self, of: EntityType, record: Record) -> dict[str, Json]:
        if self.detail is Detail.NONE:
            return {}
        tag: dict[str, Json] = {"@odata.etag": etag(record.pairs)}
        if self.detail is Detail.MINIMAL:
            return tag
        url = self._url(of, record)
        return {"@odata.type": f"#{of.full_name}", "@odata.id": url, **tag, "@odata.editLink": url}

    def _navigation(self, of: EntityType, record: Record, name: str) -> dict[str, Json]:
        if self.detail is not Detail.FULL:
            return {}
        url = f"{self._url(of, record)}/{name}"
        return {f"{name}@odata.associationLink": f"{url}/$ref", f"{name}@odata.navigationLink": url}

    def _url(self, of: EntityType, record: Record) -> str:
        return f"{self.base_url}/data/{address(of, record.row)}"


def _with_type(of: Property, value: Json) -> dict[str, Json]:
    # Text is what JSON calls text; null has no type.
    if of.kind is Kind.STRING or value is None:
        return {of.name: value}
    return {f"{of.name}@odata.type": f"#{of.edm_type.removeprefix('Edm.')}", of.name: value}


def _linked(of: EntityType, select: tuple[str, ...] | None, expanded: Mapping[str, Json]) -> Iterator[str]:
    """The navigations that a record links to: those of the served metadata, or with $select the expanded ones."""
    for name, navigation in of.navigations.items():
        if name in expanded or (select is None and navigation.declared):
            yield name
