"""Starts the simulator: `python -m local.dataverse --port 8101 --data DIR --token FIXED`."""

import argparse
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from local import console, space
from local.command_line import Parser
from local.dataverse.loading import LineRefused, has_rows, load_folder
from local.dataverse.organisation import Organisation
from local.dataverse.protection import limits_from
from local.dataverse.schema import Schema, load_schema
from local.dataverse.schemafiles import read_own
from local.dataverse.service import THROTTLED
from local.dataverse.settings import Limits, Settings
from local.dataverse.simulator import build_organisation, build_simulator
from local.simulator.arguments import (
    ArgumentsRefused,
    add_common,
    common_from,
    faults_and_exchanges,
    serve,
)
from local.simulator.loading import Skip, noting_in
from local.simulator.owncolumns import OverlayUnreadable
from shared.records import Json

DATABASE = "dataverse.sqlite"
_LIMITS: Mapping[str, tuple[str, type[int] | type[float], str]] = {
    "requests": ("--limit-requests", int, "requests of a user to a server in one window"),
    "execution_s": ("--limit-seconds", float, "their combined execution time, seconds"),
    "concurrency": ("--limit-concurrency", int, "requests of a user to a server at the same time"),
    "window_s": ("--limit-window", float, "length of the window, seconds"),
    "servers": ("--servers", int, "web servers, each with limits of its own"),
    "request_ms": ("--request-ms", float, "what a request costs beyond its handling, milliseconds"),
    "row_ms": ("--row-ms", float, "what each written row costs on top, milliseconds"),
}


def main(arguments: list[str] | None = None) -> int:
    """Serve until interrupted; the exit code is 2 for arguments or sample rows that cannot work."""
    console.take_any_character()
    parsed = _parser().parse_args(arguments)
    try:
        _run(parsed)
    except (ArgumentsRefused, LineRefused, OverlayUnreadable) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except space.NoSpaceLeft as full:
        sys.stderr.write(f"{full}\n")
        return 1
    return 0


def _run(parsed: argparse.Namespace) -> None:
    common = common_from(parsed)
    samples, file = _places(common.data, parsed.load)
    schema = load_schema(
        own={} if parsed.schema is None else read_own(parsed.schema),
        solution=not parsed.no_solution,
        tracked=dict.fromkeys(parsed.track, True),
        unique_product_number=parsed.product_number_key,
    )
    settings = Settings(
        limits=_limits(parsed), no_bulk=frozenset(parsed.no_bulk), max_filter_nodes=parsed.max_filter_nodes
    )
    precision = {} if parsed.pricing_precision is None else {"pricingdecimalprecision": parsed.pricing_precision}
    skip = noting_in(common.skipped)
    with _organisation(schema, file, settings, precision, samples, products=parsed.products, skip=skip) as organisation:
        faults, exchanges = faults_and_exchanges("dataverse", common, throttle_body=THROTTLED)
        simulator = build_simulator(organisation, common.token_check, faults, exchanges, common.admin_token, common.tls)
        try:
            serve(simulator, common)
        finally:
            exchanges.close()


@contextmanager
def _organisation(
    schema: Schema,
    file: Path | None,
    settings: Settings,
    row: Mapping[str, Json],
    samples: Path | None,
    *,
    products: bool,
    skip: Skip | None,
) -> Iterator[Organisation]:
    """The organisation of a state folder, or a new one with the samples. A loading that breaks off leaves nothing."""
    is_new = file is None or not file.exists()
    loading = file.with_suffix(".loading") if file is not None and is_new and samples is not None else file
    if loading is not None and loading != file:
        loading.unlink(missing_ok=True)
    organisation = build_organisation(schema, file=loading, settings=settings, settings_row=row)
    try:
        if samples is not None and is_new:
            load_folder(organisation, samples, products=products, skip=skip)
        if loading is not None and file is not None and loading != file:
            organisation.store.close()
            loading.rename(file)
            organisation = build_organisation(schema, file=file, settings=settings, settings_row=row)
        yield organisation
    finally:
        organisation.store.close()


def _places(data: Path | None, load: Path | None) -> tuple[Path | None, Path | None]:
    """Where sample rows come from and where rows are kept. Nothing is ever written into a folder of samples."""
    if load is not None and not load.is_dir():
        raise ArgumentsRefused(f"--load {load} is not a folder; name one with *.jsonl files.")
    if data is None:
        return load, None
    if data.is_dir() and has_rows(data) and not (data / DATABASE).exists():
        return load or data, None
    try:
        data.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ArgumentsRefused(f"--data {data}: {error.strerror}; name a folder to write to.") from error
    return load, data / DATABASE


def _limits(parsed: argparse.Namespace) -> Limits | None:
    """The numbers of service protection, None if it is off. Raises ArgumentsRefused."""
    given = {name: getattr(parsed, name) for name in _LIMITS if getattr(parsed, name) is not None}
    if not parsed.protect:
        if given:
            options = ", ".join(_LIMITS[name][0] for name in given)
            raise ArgumentsRefused(f"{options} without --protect: add --protect to switch service protection on.")
        return None
    try:
        return limits_from(given, Limits())
    except ValueError as error:
        raise ArgumentsRefused(f"--protect: {error}") from error


def _add_limits(parser: argparse.ArgumentParser) -> None:
    protection = parser.add_argument_group("service protection")
    protection.add_argument("--protect", action="store_true", help="refuse requests beyond the limits with 429")
    for name, (option, kind, text) in _LIMITS.items():
        default = getattr(Limits(), name)
        protection.add_argument(option, dest=name, type=kind, metavar="N", help=f"{text} (default: {default:g})")


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="python -m local.dataverse", description="Simulator of the Dataverse Web API")
    add_common(parser)
    parser.add_argument("--load", type=Path, metavar="FOLDER", help="sample rows (*.jsonl) to start with")
    parser.add_argument("--products", action="store_true", help="load products_dataverse.jsonl too")
    parser.add_argument("--no-solution", action="store_true", help="an organisation without Prospect to cash")
    parser.add_argument(
        "--schema",
        type=Path,
        metavar="FILE",
        help="columns of the organisation's own (a map document with own_columns)",
    )
    parser.add_argument("--product-number-key", action="store_true", help="an alternate key on the product number")
    parser.add_argument("--track", action="append", default=[], metavar="TABLE", help="enable change tracking")
    parser.add_argument("--pricing-precision", type=int, help="pricing precision of the organisation (default: 2)")
    parser.add_argument("--no-bulk", action="append", default=[], metavar="TABLE", help="a table without bulk messages")
    _add_limits(parser)
    return parser


if __name__ == "__main__":
    sys.exit(main())
