"""A world that begins where another one of its kind has begun: with the same rows, and nothing of what came later."""

from tests.support.trading import Trading, trading

_SETTINGS = {"HINTS_PER_MESSAGE": "17"}


def rows(world: Trading) -> dict[object, object]:
    """Every row of the app's storage, without the addresses of its systems."""
    return {
        (name, *place): {cell: told(world, value) for cell, value in row.cells.items()}
        for name, table in world.tables.items()
        for place, row in table.content().items()
    }


def told(world: Trading, value: object) -> object:
    if isinstance(value, str):
        return value.replace(world.sales.origin, "<Sales>").replace(world.finops.base_url, "<F&O>")
    return value


def test_the_second_world_of_a_kind_has_the_rows_of_the_first_and_follows_its_own_systems() -> None:
    with trading(**_SETTINGS) as first:
        there, version = rows(first), first.sales.organisation.version
        product = first.product("P-1")
        # Nothing of this is in the next world.
        first.account("A-1")
        first.stock("P-2")
        assert first.customer("A-1") is not None
    with trading(**_SETTINGS) as second:
        assert (rows(second), second.sales.organisation.version) == (there, version)
        assert (second.product("P-1"), second.product("P-2")) == (product, None)
        assert second.customer("A-1") is None
        second.account("A-3")
        second.tick()
        assert second.customer("A-3") is not None
