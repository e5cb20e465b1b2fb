"""What many scenarios begin with."""

from collections.abc import Iterator

import pytest

from tests.support.operator import operated
from tests.support.product import Product, product
from tests.support.trading import Trading, trading


@pytest.fixture
def sync() -> Iterator[Product]:
    """The product between two fresh simulators; the command line works on it."""
    with product() as made, operated(made):
        yield made


@pytest.fixture
def desk() -> Iterator[Trading]:
    """All flows between two fresh simulators; the command line works on them."""
    with trading() as made, operated(made):
        yield made
