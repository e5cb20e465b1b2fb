"""What most words of a mapping have in common (shared/mapping/words.py)."""

from shared.mapping.text_lengths import PlacedTexts
from shared.mapping.value_maps import ValueMaps
from shared.mapping.verdicts import Remark
from shared.records import Values


class PlainWord:
    """What a word has no more to say of than its values: it leaves nothing out, and sends no text of the map
    document."""

    __slots__ = ()

    def remarks(self, row: Values, maps: ValueMaps) -> tuple[Remark, ...]:  # noqa: ARG002 - it has none
        """None: nothing is left out."""
        return ()

    def literals(self, maps: ValueMaps) -> tuple[tuple[str, PlacedTexts], ...]:  # noqa: ARG002 - it has none
        """None: no text is sent as it stands."""
        return ()
