"""How long and how much: what bounds every invocation of the engine."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Times in seconds and counts, all from the settings.

    `run_budget_s`: after how long an invocation begins nothing more; a pull stops after `pull_budget_s` already.
    `claim_live_s`: how long a claim holds off others, longer than any invocation and its last request can last.
    `unsettled_live_s`: how long a request of unknown outcome may still land. `change_limit_percent` and the two
    gone limits are the thresholds of protocol P4. More than `rejection_limit` rejections of one cause within
    `rejection_window_s` block a flow; 0 is no limit. `history_values` has the history keep old and new
    values.
    """

    hints_per_message: int = 200
    pull_budget_s: float = 240
    run_budget_s: float = 150
    claim_live_s: float = 600
    unsettled_live_s: float = 300
    max_attempts: int = 5
    retry_delay_s: float = 30
    gone_limit_count: int = 20
    gone_limit_percent: int = 5
    change_limit_percent: int = 20
    max_restarts: int = 3
    rejection_limit: int = 0
    rejection_window_s: float = 600
    history_values: bool = False
    sweep_rows: int = 1000
    sweep_messages: int = 320
