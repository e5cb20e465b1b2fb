"""States of rows of Dataverse that an action of their own reaches, and no update: an order is canceled by
`CancelSalesOrder` (dataverse-web-api, section 11.6)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from shared.clients.dataverse.bisect import Result
from shared.clients.dataverse.environment import API, DataverseSystem
from shared.clients.dataverse.refusals import refusal_of
from shared.clients.dataverse.rows import WriteTable
from shared.clients.http.sending import Sending
from shared.errors import SyncError
from shared.records import Json, Values, Write

STATE = "statecode"


@dataclass(frozen=True, slots=True)
class ClosingAction:
    """An action that closes a row: its name, its parameter with the activity that tells why, the table of that
    activity, and the status that the row gets."""

    name: str
    parameter: str
    activity: str
    subject: str
    status: int


class Closings:
    """Closes rows of one table; `actions` are by the state that they reach."""

    def __init__(self, system: DataverseSystem, table: WriteTable, actions: Mapping[int, ClosingAction]) -> None:
        self._system = system
        self._table = table
        self._actions = actions

    def action_of(self, write: Write) -> ClosingAction | None:
        """The action that a write asks for; None if it closes nothing."""
        state = write.values.get(STATE)
        return self._actions.get(state) if isinstance(state, int) else None

    def close(self, rows: Sequence[tuple[str, ClosingAction]], sending: Sending) -> list[Result]:
        """Close rows by their ids, one request for each; the results in order."""
        return self._system.channel.gather_writes([partial(self._close, id, action, sending) for id, action in rows])

    def _close(self, id: str, action: ClosingAction, sending: Sending) -> Result:
        try:
            sending.require_turn()
            result = self._request(id, action, sending)
        except SyncError as error:
            result = error
        sending.note(result)
        return result

    def _request(self, id: str, action: ClosingAction, sending: Sending) -> Result:
        channel, table = self._system.channel, self._table
        activity: dict[str, Json] = {
            "@odata.type": f"Microsoft.Dynamics.CRM.{action.activity}",
            "subject": action.subject,
            f"{table.id_column}@odata.bind": f"/{table.entity_set}({id})",
        }
        body: dict[str, Json] = {"Status": action.status, action.parameter: activity}
        url = channel.origin.url(f"{API}/{action.name}")
        answer = channel.write("POST", url, body, subject=table.entity_set, turn=sending.turn)
        return None if answer.status < 300 else refusal_of(answer, channel.system, action.name)


def without_state(values: Values) -> Values:
    """The values that an ordinary request writes."""
    return {name: value for name, value in values.items() if name != STATE}
