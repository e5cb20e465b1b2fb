"""Brings a stage so far that a flow can be measured: what its records refer to is in its target, and nothing else."""

from benchmarks.flows import Flow
from benchmarks.progress import PATIENCE_S, wait_until_done
from benchmarks.stage import Stage
from local.demo.errors import DemoFailed
from local.demo.samplequotes import SampleQuotes
from local.demo.selling import Seller
from local.simulator.auth import system_clock
from shared.flows.quotations import QUOTATIONS


def prepare(stage: Stage, flow: Flow) -> None:
    """Sync what is needed first, and write the quotes: they can be written once the products are in Sales. No flow is
    let flow at the end."""
    missing = [name for name in flow.needs if name not in stage.in_step]
    if missing:
        since = system_clock()
        stage.let_flow(*missing)
        for name in missing:
            wait_until_done(stage, name, since, len(stage.ids(name)), patience_s=PATIENCE_S)
        stage.let_flow()
        stage.in_step.update(missing)
    if flow.name == QUOTATIONS:
        _quote(stage)


def _quote(stage: Stage) -> None:
    catalogue = Seller(stage.sales).catalogue()
    samples = SampleQuotes(stage.sales, stage.samples)
    samples.add_prices(catalogue)
    if samples.write(catalogue)[0] == 0:
        raise DemoFailed(f"{stage.samples} holds no quote whose products are all in Sales.")
