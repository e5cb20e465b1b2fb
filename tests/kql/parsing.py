"""Kusto queries as Microsoft's own parser reads them: syntax trees, and what is wrong."""

import atexit
import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

_SCRIPT = Path(__file__).with_name("parse.js")

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
        "_ResourceId": "string",
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
    """Parse queries by name."""
    parser = _parser()
    assert parser.stdin is not None
    assert parser.stdout is not None
    parser.stdin.write(json.dumps({"tables": TABLES, "queries": queries}) + "\n")
    parser.stdin.flush()
    answer = parser.stdout.readline()
    assert answer, "the parser does not run; `make test` installs it"
    return {name: Parsed(value["tree"], tuple(value["errors"])) for name, value in json.loads(answer).items()}


@cache
def _parser() -> "subprocess.Popen[str]":
    """The parser, which takes a second to start: one for a whole test process."""
    parser = subprocess.Popen(["node", str(_SCRIPT)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    atexit.register(_end, parser)
    return parser


def _end(parser: "subprocess.Popen[str]") -> None:
    parser.communicate()
