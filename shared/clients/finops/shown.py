"""Fields of a collection of F&O that are shown in Sales."""

from collections.abc import Mapping, Sequence

from shared.clients.finops.source import FinopsSource
from shared.records import Json, Values, fold


class FinopsShown:
    """The rows of a collection by their key; satisfies the engine's WatchedRows. `fields` are those that are shown, by
    the name of the column that gets them. A blank text is shown as none."""

    def __init__(self, source: FinopsSource, fields: Mapping[str, str]) -> None:
        self._source = source
        self._fields = fields

    def page(self, after: str | None) -> tuple[Mapping[str, Values], str | None]:
        """The rows after a key, in F&O's own order, and the key to go on from."""
        rows, last = self._source.page(after)
        return {self._source.id_of(row): self._shown(row) for row in rows}, last

    def read(self, keys: Sequence[str]) -> Mapping[str, Values]:
        """The rows that exist now, by the key as given."""
        written = self._source.as_written(keys)
        found = self._source.rows([id for ids in written.values() for id in ids])
        by_key = {fold(id): self._shown(row) for id, row in found.items()}
        return {key: by_key[fold(key)] for key in keys if fold(key) in by_key}

    def _shown(self, row: Mapping[str, Json]) -> Values:
        return {column: row.get(field) or None for column, field in self._fields.items()}
