"""The commands, one module a subject. Importing this package registers them."""

# The help lists the commands in the order of these imports.
# isort: off
from p2c.commands import status
from p2c.commands import failures
from p2c.commands import explain
from p2c.commands import plan
from p2c.commands import preflight
from p2c.commands import maps
from p2c.commands import map_entries
from p2c.commands import reconcile
from p2c.commands import records
from p2c.commands import results
from p2c.commands import audit
from p2c.commands import flow_control
from p2c.commands import sync
from p2c.commands import undo
from p2c.commands import resolve
from p2c.commands import links
from p2c.commands import damaged
from p2c.commands import console
from p2c.commands import simulate

__all__ = [
    "audit",
    "console",
    "damaged",
    "explain",
    "failures",
    "flow_control",
    "links",
    "map_entries",
    "maps",
    "plan",
    "preflight",
    "reconcile",
    "records",
    "resolve",
    "results",
    "simulate",
    "status",
    "sync",
    "undo",
]
