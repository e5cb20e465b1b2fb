"""What differs between organisations, or is not known of the real one: set before the start or while it runs."""

from dataclasses import dataclass, field
from enum import StrEnum


class NotValid(StrEnum):
    """What happens to a column that the operation does not take, such as statecode on create."""

    REFUSE = "refuse"
    IGNORE = "ignore"


class Stamp(StrEnum):
    """When the delta token of a first tracked read is stamped: no source tells which one the service does."""

    FIRST_PAGE = "first_page"
    """Nothing that changes during the read is lost."""
    LAST_PAGE = "last_page"
    """What changes on pages that were read already is not reported again, as users observed."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Fixed for the life of a simulator."""

    page_cap: int = 5000
    count_cap: int = 5000
    url_limit: int = 32_768
    expand_limit: int = 15
    dop_hint: int = 4
    columns_not_valid: NotValid = NotValid.REFUSE
    stamp: Stamp = Stamp.LAST_PAGE
    products_only_in_draft: bool = False


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
