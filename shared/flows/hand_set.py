"""A deployment and its flows with what operators have set by hand above the map document."""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace

from shared import exact_json
from shared.errors import MapInvalid, SettingsInvalid
from shared.flows.spec import Deployment, Systems
from shared.mapping.map_entries import with_entries
from shared.mapping.map_source import map_source
from shared.records import Json, MapEntry
from shared.sync.flow import Flow


def content_of(deployment: Deployment) -> dict[str, Json]:
    """The map document as it is written, without what is for editors alone. Raises SettingsInvalid."""
    content = map_source(deployment.settings.MAP_DOCUMENT).content()
    assert isinstance(content, dict)
    content.pop("$schema", None)
    return content


def with_hand_set(deployment: Deployment, entries: Sequence[MapEntry]) -> tuple[Deployment, Mapping[MapEntry, str]]:
    """The deployment with entries of value maps above its document, and why those do not count with which the document
    would be wrong: each new document may contradict earlier entries. Raises SettingsInvalid if the document itself is
    wrong."""
    content = content_of(deployment)
    try:
        return _with_content(deployment, with_entries(content, entries)), {}
    except SettingsInvalid:
        pass
    fits: list[MapEntry] = []
    refused: dict[MapEntry, str] = {}
    for entry in entries:
        try:
            _with_content(deployment, with_entries(content, [*fits, entry]))
        except MapInvalid as invalid:
            refused[entry] = "; ".join(map(str, invalid.mistakes))
        else:
            fits.append(entry)
    return _with_content(deployment, with_entries(content, fits)), refused


def _with_content(deployment: Deployment, content: dict[str, Json]) -> Deployment:
    """The deployment with a document of this content. Raises SettingsInvalid."""
    made = replace(deployment, maps=deployment.flows.read_map_document(exact_json.dumps(content)))
    made.require_sound()
    return made


class HandSet:
    """Makes the flows with such entries. Those made last are kept: an entry changes seldom, and every message asks."""

    def __init__(self, deployment: Deployment, systems: Systems) -> None:
        self._deployment = deployment
        self._systems = systems
        self._making = threading.Lock()
        self._entries: tuple[MapEntry, ...] = ()
        self._flows: Mapping[str, Flow] = {}

    def flows_with(self, entries: Sequence[MapEntry]) -> Mapping[str, Flow]:
        """Every flow by name, with these entries; those that contradict the document do not count. Raises
        SettingsInvalid if the document itself is wrong."""
        with self._making:
            if not self._flows or self._entries != tuple(entries):
                deployment, _ = with_hand_set(self._deployment, entries)
                self._flows = deployment.wired(self._systems)
                self._entries = tuple(entries)
            return self._flows
