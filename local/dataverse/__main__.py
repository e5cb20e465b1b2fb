"""Starts the simulator: `python -m local.dataverse --port 8101 --data DIR --token FIXED`."""

import argparse
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from local.dataverse.loading import LineRefused, has_rows, load_folder
from local.dataverse.organisation import Organisation
from local.dataverse.schema import Schema, load_schema
from local.dataverse.service import THROTTLED
from local.dataverse.simulator import build_organisation, build_simulator
from local.simulator.arguments import (
    ArgumentsRefused,
    add_common,
    common_from,
    faults_and_exchanges,
    serve,
)
from shared.records import Json

DATABASE = "dataverse.sqlite"


def main(arguments: list[str] | None = None) -> int:
    """Serve until interrupted; the exit code is 2 for arguments or sample rows that cannot work."""
    parsed = _parser().parse_args(arguments)
    try:
        _run(parsed)
    except (ArgumentsRefused, LineRefused) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


def _run(parsed: argparse.Namespace) -> None:
    common = common_from(parsed)
    samples, file = _places(common.data, parsed.load)
    schema = load_schema(solution=not parsed.no_solution, tracked=dict.fromkeys(parsed.track, True))
    precision = {} if parsed.pricing_precision is None else {"pricingdecimalprecision": parsed.pricing_precision}
    with _organisation(schema, file, precision, samples, products=parsed.products) as organisation:
        faults, exchanges = faults_and_exchanges("dataverse", common, throttle_body=THROTTLED)
        simulator = build_simulator(organisation, common.token_check, faults, exchanges, common.admin_token, common.tls)
        try:
            serve(simulator, common)
        finally:
            exchanges.close()


@contextmanager
def _organisation(
    schema: Schema, file: Path | None, row: Mapping[str, Json], samples: Path | None, *, products: bool
) -> Iterator[Organisation]:
    """The organisation of a state folder, or a new one with the samples. A loading that breaks off leaves nothing."""
    is_new = file is None or not file.exists()
    loading = file.with_suffix(".loading") if file is not None and is_new and samples is not None else file
    if loading is not None and loading != file:
        loading.unlink(missing_ok=True)
    organisation = build_organisation(schema, file=loading, settings_row=row)
    try:
        if samples is not None and is_new:
            load_folder(organisation, samples, products=products)
        if loading is not None and file is not None and loading != file:
            organisation.store.close()
            loading.rename(file)
            organisation = build_organisation(schema, file=file, settings_row=row)
        yield organisation
    finally:
        organisation.store.close()


def _places(data: Path | None, load: Path | None) -> tuple[Path | None, Path | None]:
    """Where sample rows come from and where rows are kept. Nothing is ever written into a folder of samples."""
    if load is not None and not load.is_dir():
        raise ArgumentsRefused(f"--load {load} is no folder; name one with *.jsonl files.")
    if data is None:
        return load, None
    if data.is_dir() and has_rows(data) and not (data / DATABASE).exists():
        return load or data, None
    try:
        data.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ArgumentsRefused(f"--data {data}: {error.strerror}; name a folder to write to.") from error
    return load, data / DATABASE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m local.dataverse", description="Simulator of the Dataverse Web API")
    add_common(parser)
    parser.add_argument("--load", type=Path, metavar="FOLDER", help="sample rows (*.jsonl) to start with")
    parser.add_argument("--products", action="store_true", help="load products_dataverse.jsonl too")
    parser.add_argument("--no-solution", action="store_true", help="an organisation without Prospect to cash")
    parser.add_argument("--track", action="append", default=[], metavar="TABLE", help="enable change tracking")
    parser.add_argument("--pricing-precision", type=int, help="pricing precision of the organisation (default: 2)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
