"""EntityDefinitions and RelationshipDefinitions: what clients ask about tables before they use them."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from local.dataverse import metadatatypes as types
from local.dataverse.addresses import Segment
from local.dataverse.definitions import Definition, relationships, tables
from local.dataverse.expanding import Item, expand_items
from local.dataverse.metadatafilter import metadata_test
from local.dataverse.metadatatypes import ID, NAMESPACE, MetadataType, derived_type
from local.dataverse.options import read_options
from local.dataverse.organisation import Organisation, number
from local.dataverse.reading import JSON_HEADERS, SERVICE
from local.dataverse.refusals import not_simulated, resource_missing, row_missing, unknown_property, wrong_request
from local.simulator.messages import Reply, Request
from shared import exact_json
from shared.records import Json

_NAMED = re.compile(r"\s*(?P<name>\w+)\s*=\s*(?:'(?P<text>[^']*)'|(?P<id>[^']+))\s*")


@dataclass(frozen=True, slots=True)
class _Place:
    """Where an address has come to: elements of a declared type, all or (`key`) one of them.

    `root` is the collection as a context names it, `cast` the narrower type after it.
    """

    root: str
    of: MetadataType
    found: Sequence[Definition]
    one: bool = False
    key: str = ""
    cast: str = ""

    @property
    def context(self) -> str:
        """The place as the context of an answer names it."""
        return f"{self.root}{self.cast}"

    def behind(self, key: str, name: str) -> str:
        """The context of what a navigation of one element leads to."""
        return f"{self.root}{key}{self.cast}/{name}"


def read_metadata(organisation: Organisation, path: list[Segment], request: Request) -> Reply:
    """The elements of an address below EntityDefinitions or RelationshipDefinitions.

    Raises Refused: 404 for unknown elements, 400 for unknown properties, 501 for what the schema does not say.
    """
    options = read_options(request)
    place = _start(organisation, path[0], f"{request.base_url}{SERVICE}/$metadata#{path[0].name}")
    for segment in path[1:]:
        place = _step(place, segment)
    options.only("$select", "$expand", *(() if place.one else ("$filter",)))
    chosen = _Choice(_names(options.given.get("$select")), tuple(expand_items(options.given.get("$expand"))))
    found = _filtered(place.of, place.found, options.given.get("$filter"))
    rows: list[Json] = [_shown(place, each, chosen) for each in found]
    context = f"{place.context}{chosen.text}"
    if not place.one:
        return _reply({"@odata.context": context, "value": rows})
    [row] = rows
    assert isinstance(row, dict)
    return _reply({"@odata.context": f"{context}/$entity", **row})


@dataclass(frozen=True, slots=True)
class _Choice:
    """What is shown of each element: the named properties or all, and the expanded navigations."""

    names: tuple[str, ...] | None
    expanded: tuple[Item, ...] = ()

    @property
    def text(self) -> str:
        """The choice as a context names it."""
        if self.names is None:
            return ""
        inner = [f"{item.name}{_listed(item.options.get('$select'))}" for item in self.expanded]
        return f"({','.join([*self.names, *inner])})"


def _start(organisation: Organisation, segment: Segment, root: str) -> _Place:
    if segment.name == "EntityDefinitions":
        language = number(organisation.setting("languagecode"))
        place = _Place(root, types.ENTITY, tables(organisation.schema, language))
    else:
        place = _Place(root, types.RELATIONSHIP, relationships(organisation.schema))
    return place if segment.key is None else _picked(place, segment.key)


def _step(place: _Place, segment: Segment) -> _Place:
    """The place after one more part of the address: a narrower type, or a navigation."""
    further = _narrowed(place, segment.name) if segment.name.startswith(NAMESPACE) else _led(place, segment.name)
    return further if segment.key is None else _picked(further, segment.key)


def _narrowed(place: _Place, name: str) -> _Place:
    of = derived_type(name, place.of)
    if of is None:
        raise wrong_request(f"The type '{name}' is not a sub-type of '{NAMESPACE}{place.of.name}'.")
    found = [each for each in place.found if each.of.is_a(of)]
    if place.one and not found:
        raise resource_missing(name)
    return replace(place, of=of, found=found, cast=f"/{name}")


def _led(place: _Place, name: str) -> _Place:
    if not place.one:
        raise resource_missing(name)
    [source] = place.found
    if place.of.declares(name):
        raise not_simulated(f"the address of the property {name} of {place.of.name}")
    if not place.of.leads(name):
        raise resource_missing(name)
    root = place.behind(place.key, name)
    if name in source.singles:
        single = source.singles[name]()
        return _Place(root, single.of, [single], one=True)
    return _Place(root, _target(name), _collection(source, name))


def _target(name: str) -> MetadataType:
    match name:
        case "Attributes":
            return types.ATTRIBUTE
        case "Keys":
            return types.KEY
    return types.ONE_TO_MANY


def _collection(source: Definition, name: str) -> Sequence[Definition]:
    if name not in source.collections:
        raise not_simulated(f"the {name} of {source.of.name} {source.name}, which the schema lacks")
    return source.collections[name]()


def _picked(place: _Place, key: str) -> _Place:
    """The one element that a key names. Raises Refused: 404 if there is none, 400 for a key of another kind."""
    named = _NAMED.fullmatch(key)
    if place.one or (named and named["name"] not in (place.of.key, ID)):
        raise wrong_request(f"The key ({key}) is not valid for '{NAMESPACE}{place.of.name}'.")
    name, wanted = (named["name"], named["text"] or named["id"]) if named else (ID, key)
    for each in place.found:
        if each.content[name] == (wanted.lower() if name == ID else wanted):
            # The service identifies a table by its name and everything below it by its id.
            told = f"'{each.name}'" if place.of is types.ENTITY else str(each.content[ID])
            return replace(place, found=[each], one=True, key=f"({told})")
    raise row_missing(place.of.name, wanted)


def _filtered(of: MetadataType, found: Iterable[Definition], text: str | None) -> list[Definition]:
    if text is None:
        return list(found)
    fits = metadata_test(of, text)
    return [each for each in found if fits(each)]


def _shown(place: _Place, each: Definition, chosen: _Choice) -> dict[str, Json]:
    """An element as it is shown at a place; its id always, its type if it is not the declared one."""
    head: dict[str, Json] = {} if each.of is place.of else {"@odata.type": f"#{NAMESPACE}{each.of.name}"}
    row = {**head, **_selected(place.of, each, chosen.names)}
    for item in chosen.expanded:
        row |= _expansion(place, each, item)
    return row


def _selected(of: MetadataType, each: Definition, names: Sequence[str] | None) -> Mapping[str, Json]:
    if names is None:
        return each.content
    for name in names:
        if not of.declares(name):
            raise unknown_property(name, of.name)
        if name not in each.content:
            raise not_simulated(f"the property {name} of {each.of.name} {each.name}, which the schema lacks")
    return {**{name: each.content[name] for name in names}, ID: each.content[ID]}


def _expansion(place: _Place, each: Definition, item: Item) -> dict[str, Json]:
    if not place.of.leads(item.name):
        raise unknown_property(item.name, place.of.name)
    select = item.options.get("$select")
    chosen, annotation = _Choice(_names(select)), f"{item.name}@odata.context"
    root = place.behind(f"({each.content[ID]})", item.name)
    if item.name in each.singles:
        _only(item, "$select")
        single = each.singles[item.name]()
        shown = _shown(_Place(root, single.of, [single], one=True), single, chosen)
        return {annotation: f"{root}{chosen.text}/$entity", item.name: shown}
    _only(item, "$select", "$filter")
    inner = _Place(root, _target(item.name), _collection(each, item.name))
    found = _filtered(inner.of, inner.found, item.options.get("$filter"))
    rows: list[Json] = [_shown(inner, each, chosen) for each in found]
    return {annotation: f"{root}{chosen.text}", item.name: rows}


def _only(item: Item, *allowed: str) -> None:
    for option in item.options:
        if option not in allowed:
            raise not_simulated(f"{option} within $expand={item.name}")


def _names(select: str | None) -> tuple[str, ...] | None:
    return None if select is None else tuple(name.strip() for name in select.split(","))


def _listed(select: str | None) -> str:
    return "" if select is None else f"({select})"


def _reply(content: Mapping[str, Json]) -> Reply:
    return Reply(200, JSON_HEADERS, exact_json.dumps(dict(content)).encode())
