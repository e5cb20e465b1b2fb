"""Serves an F&O environment from the command line: python -m local.finops --port 8102 --data DIR --token FIXED."""

import argparse
import sys
from decimal import Decimal, InvalidOperation
from pathlib import Path

from local import console, space
from local.command_line import Parser, whole_number
from local.finops import seeds
from local.finops.environment import SYSTEM, finops_simulator
from local.finops.generating import MOST
from local.finops.loading import FolderRefused, open_tables
from local.finops.settings import Overlong, Priority, Settings
from local.finops.throttling import THROTTLE_BODY
from local.simulator.arguments import (
    ArgumentsRefused,
    add_common,
    common_from,
    faults_and_exchanges,
    serve,
)
from local.simulator.loading import noting_in
from local.simulator.owncolumns import OverlayUnreadable, read_own_columns

_HUNDRED = 100


def main(arguments: list[str] | None = None) -> int:
    """Serve until stopped. Returns 2 where an argument cannot work."""
    console.take_any_character()
    parsed = _parser().parse_args(arguments)
    settings = _settings(parsed)
    try:
        common = common_from(parsed)
        faults, exchanges = faults_and_exchanges(SYSTEM, common, throttle_body=THROTTLE_BODY)
        tables = open_tables(
            common.data,
            parsed.load,
            settings,
            products=parsed.products,
            skip=noting_in(common.skipped),
            own={} if parsed.schema is None else read_own_columns(parsed.schema),
        )
        simulator = finops_simulator(
            tables,
            settings,
            common.token_check,
            admin_token=common.admin_token,
            faults=faults,
            exchanges=exchanges,
            tls=common.tls,
        )
        try:
            serve(simulator, common)
        finally:
            tables.close()
    except (ArgumentsRefused, FolderRefused, OverlayUnreadable) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except space.NoSpaceLeft as full:
        sys.stderr.write(f"{full}\n")
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    default = Settings()
    parser = Parser(prog="python -m local.finops", description="A simulator of F&O's OData service.")
    add_common(parser)
    parser.add_argument("--load", type=Path, metavar="DIR", help="sample records (*.jsonl) for a fresh environment")
    parser.add_argument(
        "--schema", type=Path, metavar="FILE", help="fields of the organisation's own (a map document with own_columns)"
    )
    parser.add_argument(
        "--products",
        type=whole_number(0, MOST),
        default=0,
        metavar="N",
        help="made-up products of a fresh environment (default: 0)",
    )
    parser.add_argument(
        "--currency",
        type=str.upper,
        choices=sorted(seeds.CURRENCIES),
        default=default.accounting_currency,
        metavar="CODE",
        help="accounting currency of the companies (default: %(default)s)",
    )
    parser.add_argument("--company", default=default.company, help="default company of the user (default: %(default)s)")
    parser.add_argument(
        "--page-size", type=whole_number(1), default=default.page_size, help="rows a page (default: 10000)"
    )
    parser.add_argument(
        "--max-url", type=whole_number(1), default=default.max_url, help="longest path and query, characters"
    )
    parser.add_argument("--no-manual-numbers", action="store_true", help="refuse numbers that a sequence would give")
    parser.add_argument(
        "--overlong",
        choices=[each.value for each in Overlong],
        default=default.overlong.value,
        help="texts over the usual length",
    )
    parser.add_argument("--later-properties", action="store_true", help="answer properties of newer product versions")
    parser.add_argument(
        "--priority",
        choices=[each.value for each in Priority],
        default=default.priority.value,
        help="throttling priority of the clients (default: %(default)s)",
    )
    parser.add_argument(
        "--amount-decimals",
        type=int,
        choices=range(7),
        default=default.amount_decimals,
        help="decimals of line amounts (default: %(default)s)",
    )
    parser.add_argument(
        "--sales-tax",
        type=_percentage,
        default=default.sales_tax,
        metavar="PERCENT",
        help="sales tax that the totals of orders contain (default: %(default)s)",
    )
    parser.add_argument("--shared-parties", action="store_true", help="let customers of a company share a party")
    parser.add_argument(
        "--seed", type=int, default=default.seed, help="seed of versions and made-up products (default: %(default)s)"
    )
    return parser


def _percentage(text: str) -> Decimal:
    try:
        percentage = Decimal(text)
    except InvalidOperation as error:
        raise argparse.ArgumentTypeError(f"{text} is not a number") from error
    if not 0 <= percentage <= _HUNDRED:
        raise argparse.ArgumentTypeError(f"{text} is not a number from 0 to {_HUNDRED}")
    return percentage


def _settings(parsed: argparse.Namespace) -> Settings:
    return Settings(
        company=parsed.company.lower(),
        page_size=parsed.page_size,
        max_url=parsed.max_url,
        max_filter_nodes=parsed.max_filter_nodes,
        manual_numbers=not parsed.no_manual_numbers,
        overlong=Overlong(parsed.overlong),
        later_properties=parsed.later_properties,
        one_customer_per_party=not parsed.shared_parties,
        seed=parsed.seed,
        accounting_currency=parsed.currency,
        priority=Priority(parsed.priority),
        amount_decimals=parsed.amount_decimals,
        sales_tax=parsed.sales_tax,
    )


if __name__ == "__main__":
    sys.exit(main())
