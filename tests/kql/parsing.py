"""Kusto queries as Microsoft's own parser reads them: syntax trees, and what is wrong."""

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_SCRIPT = Path(__file__).with_name("parse.js")
_LIMIT_S = 60

Tree = list[Any]
"""A node: its kind, then its parts; a token is a text."""

# The columns that the queries may use, as Log Analytics has them: those of traces and requests that the Functions host
# fills, and of the workspace's own notices.
TABLES: Mapping[str, Mapping[str, str]] = {
    "AppTraces": {
        "TimeGenerated": "datetime",
        "Message": "string",
        "SeverityLevel": "int",
        "Properties": "dynamic",
        "OperationName": "string",
        "OperationId": "string",
        "AppRoleName": "string",
        "ItemCount": "int",
        "_BilledSize": "real",
    },
    "AppExceptions": {
        "TimeGenerated": "datetime",
        "ProblemId": "string",
        "ExceptionType": "string",
        "OuterMessage": "string",
        "OperationName": "string",
    },
    "AppRequests": {
        "TimeGenerated": "datetime",
        "Name": "string",
        "Success": "bool",
        "ResultCode": "string",
        "DurationMs": "real",
        "Properties": "dynamic",
        "OperationName": "string",
        "OperationId": "string",
        "AppRoleName": "string",
        "ItemCount": "int",
    },
    "_LogOperation": {
        "TimeGenerated": "datetime",
        "Category": "string",
        "Operation": "string",
        "Level": "string",
        "Detail": "string",
    },
}


@dataclass(frozen=True, slots=True)
class Parsed:
    """A query: its tree, and every error with its line."""

    tree: Tree
    errors: tuple[str, ...]


def parse(queries: Mapping[str, str]) -> dict[str, Parsed]:
    """Parse queries by name, all in one run of the parser."""
    given = json.dumps({"tables": TABLES, "queries": queries})
    ended = subprocess.run(
        ["node", str(_SCRIPT)], input=given, capture_output=True, text=True, timeout=_LIMIT_S, check=False
    )
    assert ended.returncode == 0, f"the parser does not run; `make test` installs it: {ended.stderr[-2000:]}"
    found = json.loads(ended.stdout)
    return {name: Parsed(of["tree"], tuple(of["errors"])) for name, of in found.items()}
