"""What differs between organisations, or is not known of the real one: set before the start or while it runs."""

import math
from dataclasses import dataclass, field
from enum import StrEnum


class NotValid(StrEnum):
    """What happens to a column that the operation does not take, such as statecode on create."""

    REFUSE = "refuse"
    IGNORE = "ignore"


class Stamp(StrEnum):
    """When the delta token of a first tracked read is stamped: no source says which one the service does."""

    FIRST_PAGE = "first_page"
    """Nothing that changes during the read is lost."""
    LAST_PAGE = "last_page"
    """What changes on pages that were read already is not reported again, as users observed."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The numbers of service protection, with what the simulator takes a request to cost.

    `requests`, `execution_s` (seconds, all requests together) and `concurrency` hold for one user on one of so many
    `servers`, the first two within `window_s` seconds. A request costs `request_ms` and `row_ms` for each row that it
    makes the service write, both beyond the real time of its handling. `grace_s` and `extension_s` say how Retry-After
    grows, see `local.dataverse.protection`. Raises ValueError for numbers that cannot work.
    """

    requests: int = 6000
    execution_s: float = 1200.0
    concurrency: int = 52
    window_s: float = 300.0
    servers: int = 1
    request_ms: float = 0.0
    row_ms: float = 0.0
    grace_s: float = 1.0
    extension_s: float = 1.0

    def __post_init__(self) -> None:
        for name in ("requests", "execution_s", "concurrency", "window_s", "servers"):
            _require_number(name, getattr(self, name), above_zero=True)
        for name in ("request_ms", "row_ms", "grace_s", "extension_s"):
            _require_number(name, getattr(self, name), above_zero=False)


def _require_number(name: str, value: float, *, above_zero: bool) -> None:
    if not math.isfinite(value) or value < 0 or (above_zero and value == 0):
        raise ValueError(f"{name} is {value}; give a number {'above' if above_zero else 'from'} 0.")


@dataclass(frozen=True, slots=True)
class Settings:
    """Fixed for the life of a simulator. Without `limits` there is no service protection.

    `administrator` says that the application user is one, who may save sales documents that are read-only for
    others; `administrators` are the ids of other users (systemuserid) who are, and whom a request may act for.
    `no_bulk` names tables that get no bulk messages in a new organisation although the product documents them.
    `max_filter_nodes` is how much one $filter may hold, None if that has no limit.
    """

    page_cap: int = 5000
    count_cap: int = 5000
    url_limit: int = 32_768
    batch_url_limit: int = 65_536
    expand_limit: int = 15
    dop_hint: int = 4
    columns_not_valid: NotValid = NotValid.REFUSE
    stamp: Stamp = Stamp.LAST_PAGE
    products_only_in_draft: bool = False
    administrator: bool = False
    administrators: frozenset[str] = frozenset()
    no_bulk: frozenset[str] = frozenset()
    max_filter_nodes: int | None = None
    limits: Limits | None = None


@dataclass(slots=True)
class Switches:
    """Changed through the control plane while the simulator runs."""

    read_denied: set[str] = field(default_factory=set)
    write_denied: set[str] = field(default_factory=set)
    refuse_next_links: bool = False
    refuse_delta_links: bool = False

    def privileges(self, method: str, body: object) -> object:
        """Control `privileges`: POST {"account": {"read": false, "write": true}}; DELETE allows everything."""
        match method, body:
            case "POST", dict():
                for table, rights in body.items():
                    self._grant(str(table), rights)
            case "DELETE", None:
                self.read_denied.clear()
                self.write_denied.clear()
            case "GET", _:
                pass
            case _:
                raise ValueError('Use GET, DELETE, or POST with {"<table>": {"read": bool, "write": bool}}.')
        return {"read_denied": sorted(self.read_denied), "write_denied": sorted(self.write_denied)}

    def links(self, method: str, body: object) -> object:
        """Control `links`: POST {"refuse_next": bool, "refuse_delta": bool}; DELETE accepts all again."""
        match method, body:
            case "POST", dict() if body.keys() <= {"refuse_next", "refuse_delta"}:
                self.refuse_next_links = bool(body.get("refuse_next", self.refuse_next_links))
                self.refuse_delta_links = bool(body.get("refuse_delta", self.refuse_delta_links))
            case "DELETE", None:
                self.refuse_next_links = self.refuse_delta_links = False
            case "GET", _:
                pass
            case _:
                raise ValueError('Use GET, DELETE, or POST with {"refuse_next": bool, "refuse_delta": bool}.')
        return {"refuse_next": self.refuse_next_links, "refuse_delta": self.refuse_delta_links}

    def _grant(self, table: str, rights: object) -> None:
        if not isinstance(rights, dict):
            raise ValueError(f'The rights of {table} are {rights!r}; give {{"read": bool, "write": bool}}.')  # noqa: TRY004
        for verb, denied in (("read", self.read_denied), ("write", self.write_denied)):
            if verb in rights:
                (denied.discard if rights[verb] else denied.add)(table)
