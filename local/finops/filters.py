"""Parses $filter, with what the F&O dialect adds to plain OData: qualified enumeration literals."""

import re

from local.finops.filtering import ENUM_MARK, PLAIN_NAME
from local.finops.refusals import bad_request
from local.finops.schema import NAMESPACE
from local.simulator.filters import FilterRefused, Node, TooManyNodes, parse, require_nodes

_TOKEN = re.compile(
    rf"{re.escape(NAMESPACE)}\.(?P<enum>\w+)'(?P<member>\w*)'"
    r"|(?P<text>'(?:[^']|'')*')"
    # The lexer takes the beginning of AllowOnAccount for the word "all".
    r"|\b(?P<name>(?:any|all|null|true|false)\w+)",
    re.IGNORECASE,
)


def parse_filter(text: str, max_nodes: int | None = None) -> Node:
    """The syntax tree of a $filter. Raises Refused (400) if it is not well formed, or has too many nodes."""
    if ENUM_MARK in text:
        raise bad_request("The $filter expression holds the character U+0000.")
    try:
        tree = parse(_TOKEN.sub(_plain, text))
        require_nodes(tree, max_nodes)
    except TooManyNodes as error:
        raise bad_request(f"The query specified in the URI is not valid. {error}") from error
    except FilterRefused as error:
        raise bad_request(f"Syntax error in the $filter expression '{text}'.") from error
    return tree


def _plain(matched: re.Match[str]) -> str:
    if matched["enum"] is not None:
        return f"'{ENUM_MARK}{matched['enum']}{ENUM_MARK}{matched['member']}'"
    if matched["name"] is not None:
        return PLAIN_NAME + matched["name"]
    return matched["text"]
