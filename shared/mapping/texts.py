"""The texts of the map document that words send as they stand, each with its place in the document."""

from collections.abc import Callable, Iterable

from shared.mapping.value_maps import ValueMaps

Texts = Callable[[ValueMaps], Iterable[tuple[str, str]]]


def no_texts(_maps: ValueMaps) -> tuple[tuple[str, str], ...]:
    """None: the value comes from the record or from the code."""
    return ()


def default_text(name: str, maps: ValueMaps) -> tuple[tuple[str, str], ...]:
    """A default that is not blank."""
    text = maps.defaults.value(name)
    return () if text is None else ((f"defaults.{name}", text),)


def unit_symbols(maps: ValueMaps) -> tuple[tuple[str, str], ...]:
    """The symbols that are sent to F&O."""
    return tuple(
        (f"units.{at}.finops", unit.finops) for at, unit in enumerate(maps.units) if unit.direction != "to_sales"
    )
