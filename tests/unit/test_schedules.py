"""All timers stand in one list, `schedules`: whoever runs the app sets every one of them, and no other."""

import json
import re

import pytest

from benchmarks.stage import NEVER, timers
from local.demo import environment
from local.demo.configuration import read_configuration
from shared.flows.registry import FLOWS
from shared.settings import schedules
from tests.infra.names import schedule_settings
from tests.infra.snapshots import DEFAULT, read_snapshot
from tests.support.project import ROOT

EXAMPLE: dict[str, str] = json.loads((ROOT / "local.settings.json.example").read_text(encoding="utf-8"))["Values"]


def deployed() -> dict[str, str]:
    """The app settings of a deployment that chooses nothing."""
    return dict(read_snapshot(DEFAULT).app_settings)


def scheduled(settings: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in settings.items() if name.endswith("_SCHEDULE")}


def test_the_list_names_the_timers_of_the_app_and_no_other() -> None:
    assert schedule_settings() == schedules(FLOWS.settings).keys()


def test_every_timer_can_be_given_to_a_deployment_which_otherwise_has_the_defaults() -> None:
    assert scheduled(deployed()) == schedules(FLOWS.settings)
    parameters = (ROOT / "infra" / "main.parameters.json").read_text(encoding="utf-8")
    assert set(re.findall(r"\$\{(\w+_SCHEDULE)\}", parameters)) == schedules(FLOWS.settings).keys()


def test_the_example_of_local_settings_has_the_defaults() -> None:
    assert scheduled(EXAMPLE) == schedules(FLOWS.settings)


def test_the_demo_sets_every_timer() -> None:
    assert scheduled(dict(read_configuration({}).settings)).keys() == schedules(FLOWS.settings).keys()


@pytest.mark.parametrize("flow", FLOWS.names)
def test_a_benchmark_sets_every_timer_and_lets_only_what_it_measures_tick(flow: str) -> None:
    found = timers(flow)
    assert found.keys() == schedules(FLOWS.settings).keys()
    ticking = {name for name, schedule in found.items() if schedule != NEVER}
    assert ticking == {FLOWS[flow].schedule_setting, "SWEEP_SCHEDULE"}


def test_what_the_platform_reads_is_the_same_in_demo_example_and_deployment() -> None:
    assert environment.PLATFORM.items() <= EXAMPLE.items()
    # The runtime of a Flex Consumption app is no app setting.
    threads = "PYTHON_THREADPOOL_THREAD_COUNT"
    assert deployed()[threads] == environment.PLATFORM[threads]
