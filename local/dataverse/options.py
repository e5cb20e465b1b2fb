"""Reads query options and the Prefer header."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote_plus

from local.dataverse.expanding import Item, expand_items
from local.dataverse.refusals import not_simulated, unknown_property, wrong_request
from local.dataverse.schema import EntityType, Navigation, Property
from local.simulator.messages import Request

_KNOWN = frozenset({"$select", "$filter", "$orderby", "$top", "$expand", "$apply", "$count", "tag", "partitionId"})
_TOKENS = frozenset({"$skiptoken", "$deltatoken"})
# Other ways to ask, which the real service has.
_NOT_SIMULATED = frozenset({"sql", "fetchXml", "savedQuery", "userQuery"})
_FORBIDDEN_WITH_TRACKING = ("$filter", "$orderby", "$expand", "$top", "$apply")


@dataclass(frozen=True, slots=True)
class Expansion:
    """A single-valued navigation that is shown inline."""

    navigation: Navigation
    select: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class Preferences:
    """The Prefer header. `applied` is what the answer says in Preference-Applied."""

    page_size: int | None = None
    track_changes: bool = False
    representation: bool = False
    annotations: str | None = None
    applied: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Options:
    """The options of one address, decoded; each is given once."""

    given: Mapping[str, str] = field(default_factory=dict)

    @property
    def aliases(self) -> Mapping[str, str]:
        """Parameter aliases: the options that start with @."""
        return {name: value for name, value in self.given.items() if name.startswith("@")}

    def only(self, *allowed: str) -> None:
        """Raise Refused (400) for an option beyond the allowed ones; aliases, `tag` and `partitionId` always are."""
        for name in self.given:
            if name not in allowed and not name.startswith("@") and name not in ("tag", "partitionId"):
                raise wrong_request(f"The query parameter {name} is not supported.")


def read_options(request: Request) -> Options:
    """The query of a request. Raises Refused: 400 for unknown and repeated options, 501 for other kinds of queries."""
    given: dict[str, str] = {}
    for pair in filter(None, request.query.split("&")):
        raw_name, _, raw_value = pair.partition("=")
        try:
            name, value = unquote_plus(raw_name, errors="strict"), unquote_plus(raw_value, errors="strict")
        except UnicodeDecodeError as error:
            raise wrong_request(f"The query option '{pair}' is not UTF-8.") from error
        if name in _NOT_SIMULATED:
            raise not_simulated(f"the query parameter {name}")
        if name not in _KNOWN | _TOKENS and not name.startswith("@"):
            raise wrong_request(f"The query parameter {name} is not supported.")
        if name in given:
            raise wrong_request(f"Query option '{name}' was specified more than once, but it must be specified once.")
        given[name] = value
    return Options(given)


def check_tracking(options: Options) -> None:
    """Raise Refused (400) for an option that change tracking does not take."""
    for name in _FORBIDDEN_WITH_TRACKING:
        if name in options.given:
            raise wrong_request(f'The "{name}" query parameter isn\'t supported when Change Tracking is enabled.')


def read_preferences(request: Request) -> Preferences:
    """The Prefer header. Raises Refused (400) for an invalid page size; unknown preferences are ignored."""
    found = Preferences()
    page_size, track, representation, annotations = None, False, False, None
    applied: list[str] = []
    for preference in _split(request.header("Prefer") or ""):
        name, _, value = preference.partition("=")
        match name.strip().lower(), value.strip().strip('"'):
            case "odata.maxpagesize" | "maxpagesize", size:
                if not re.fullmatch(r"[1-9]\d{0,8}", size):
                    raise wrong_request(f"The odata.maxpagesize '{size}' is not a positive whole number.")
                page_size = int(size)
                applied.append(f"odata.maxpagesize={size}")
            case "odata.track-changes", _:
                track = True
                applied.append("odata.track-changes")
            case "return", "representation":
                representation = True
                applied.append("return=representation")
            case "odata.include-annotations", terms:
                annotations = terms
                applied.append(f'odata.include-annotations="{terms}"')
            case _:
                pass
    if not applied:
        return found
    return Preferences(page_size, track, representation, annotations, tuple(applied))


def _split(header: str) -> list[str]:
    """The preferences of a header; a comma inside quotes belongs to its value."""
    return [part.strip() for part in re.findall(r'(?:[^,"]|"[^"]*")+', header)]


def selected(entity: EntityType, text: str | None) -> tuple[Property, ...]:
    """The properties that $select names, in its order; without it all. Raises Refused (400) for an unknown one."""
    if text is None:
        return tuple(entity.properties.values())
    chosen: dict[str, Property] = {}
    for name in (part.strip() for part in text.split(",")):
        of = entity.properties.get(name)
        if of is None:
            raise unknown_property(name, entity.name)
        chosen[name] = of
    return tuple(chosen.values())


def ordering(entity: EntityType, text: str | None) -> tuple[tuple[Property, str], ...]:
    """The properties of $orderby with ASC or DESC."""
    found = []
    for part in (text or "").split(",") if text else []:
        name, _, direction = part.strip().partition(" ")
        of = entity.properties.get(name)
        if of is None:
            raise unknown_property(name, entity.name)
        if direction.strip() not in ("", "asc", "desc"):
            raise wrong_request(f"The direction '{direction}' of $orderby is neither asc nor desc.")
        found.append((of, "DESC" if direction.strip() == "desc" else "ASC"))
    return tuple(found)


def expansions(entity: EntityType, text: str | None, limit: int) -> tuple[Expansion, ...]:
    """The navigations that $expand names.

    Raises Refused: 400 for unknown ones and for more than the limit, 501 for collections.
    """
    found = [_expansion(entity, item) for item in expand_items(text)]
    if len(found) > limit:
        raise wrong_request(f"The number of expanded navigation properties exceeds the limit of {limit}.")
    return tuple(found)


def whole_number(text: str, name: str) -> int:
    """The value of $top. Raises Refused (400)."""
    if not re.fullmatch(r"\d{1,9}", text):
        raise wrong_request(f"Invalid value '{text}' for {name} query option found. It takes a non-negative integer.")
    return int(text)


def true_or_false(text: str, name: str) -> bool:
    """The value of $count. Raises Refused (400)."""
    if text not in ("true", "false"):
        raise wrong_request(f"Invalid value '{text}' for {name} query option found. Valid values are 'true, false'.")
    return text == "true"


def _expansion(entity: EntityType, item: Item) -> Expansion:
    if item.name in entity.collections:
        raise not_simulated(f"$expand of the collection {item.name}")
    navigation = entity.navigations.get(item.name)
    if navigation is None:
        raise unknown_property(item.name, entity.name)
    for option in item.options:
        if option == "$expand":
            raise not_simulated(f"$expand within $expand={item.name}")
        if option != "$select":
            raise wrong_request(f"$expand={item.name}({option}): a single-valued navigation takes $select only.")
    select = item.options.get("$select")
    return Expansion(navigation, None if select is None else tuple(part.strip() for part in select.split(",")))
