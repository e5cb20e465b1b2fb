"""Navigations from a record to others. The schema names them, but not the columns that connect the records. These are
known for documents and their lines only, so no other navigation is followed."""

from dataclasses import dataclass

from local.finops.refusals import bad_request, not_simulated
from local.finops.schema import COMPANY, EntityType, Navigation
from local.finops.served import SERVED


@dataclass(frozen=True, slots=True)
class Way:
    """A navigation that is followed, to `many` records or to one: those of `target` with the same `columns`."""

    name: str
    target: EntityType
    many: bool
    columns: tuple[str, ...]


def way_of(of: EntityType, name: str) -> Way:
    """The navigation of that name. Raises Refused: 400 if the entity has none, 501 if it is not followed."""
    navigation = of.navigations.get(name)
    if navigation is None:
        raise bad_request(f"Could not find a property named '{name}' on type '{of.full_name}'.")
    columns = _columns(of, navigation)
    if not columns:
        raise not_simulated(f"the navigation '{name}' of '{of.set_name}'")
    return Way(name, of.others[navigation.target], navigation.many, columns)


def _columns(of: EntityType, navigation: Navigation) -> tuple[str, ...]:
    for lines, header in ((of.set_name, navigation.target), (navigation.target, of.set_name)):
        owner = SERVED[lines].owner if lines in SERVED else None
        if owner is not None and owner.target == header:
            return (COMPANY, owner.link)
    return ()
