"""Whether the environment is still the one of the first run."""

import pytest

from shared.state.control import Control
from shared.state.storage.memory import MemoryTable
from shared.sync.environment import (
    ASK_AGAIN_AFTER_S,
    COMPANY,
    UNFINISHED,
    Difference,
    Environment,
    describe,
    may_be_another,
)
from shared.systems import System
from tests.support.clock import ManualClock
from tests.support.doubles import FakeSystem

CLOCK = ManualClock()
FLOW = "accounts"


def environment(control: Control, company: str = "usmf", organisation: str = "contoso") -> Environment:
    return Environment({"company": company}, {System.DATAVERSE: FakeSystem(organisation)}, control, CLOCK)


def test_the_environment_of_the_first_run_is_no_change() -> None:
    control = Control(MemoryTable(CLOCK))
    assert environment(control).change(FLOW) == ""
    assert environment(control).change(FLOW) == ""
    assert control.environment(FLOW) == {"company": "usmf", f"{System.DATAVERSE}_identity": "contoso"}


def test_another_setting_and_another_system_are_both_told() -> None:
    control = Control(MemoryTable(CLOCK))
    environment(control).change(FLOW)
    assert environment(control, company="demf").change(FLOW) == "the environment changed: company was usmf and is demf"
    told = environment(control, organisation="sandbox").change(FLOW)
    assert told == f"the environment changed: {System.DATAVERSE}_identity was contoso and is sandbox"


def test_what_is_accepted_is_the_change_that_was_shown() -> None:
    control = Control(MemoryTable(CLOCK))
    environment(control).change(FLOW)
    another = environment(control, company="demf", organisation="sandbox")
    shown = another.change(FLOW)
    assert not another.accept(FLOW, "the environment changed: company was usmf and is demf")
    assert another.accept(FLOW, shown)
    assert another.change(FLOW) == ""


def test_a_system_is_asked_again_after_an_hour() -> None:
    clock, system = ManualClock(), FakeSystem("contoso")
    asking = Environment({}, {System.DATAVERSE: system}, Control(MemoryTable(clock)), clock)
    asking.change(FLOW)
    system.name = "sandbox"
    clock.sleep(ASK_AGAIN_AFTER_S)
    assert asking.change(FLOW) == ""
    clock.sleep(1)
    assert "is sandbox" in asking.change(FLOW)


@pytest.mark.parametrize(
    ("names", "systems"),
    [
        ([], []),
        (["dataverse_origin"], []),
        (["dataverse_identity"], [System.DATAVERSE]),
        (["finops_origin"], [System.FINOPS]),
        (["finops_identity"], [System.FINOPS]),
        ([COMPANY], [System.FINOPS]),
        ([UNFINISHED], [System.DATAVERSE, System.FINOPS]),
        (["dataverse_origin", "dataverse_identity"], [System.DATAVERSE]),
        (["dataverse_identity", "finops_origin"], [System.DATAVERSE, System.FINOPS]),
    ],
)
def test_a_system_may_be_another_by_its_own_id_and_finops_by_its_address_or_company_as_well(
    names: list[str], systems: list[System]
) -> None:
    differences = [Difference(name, "a", "b") for name in names]
    assert [system for system in System if may_be_another(system, differences)] == systems


def test_several_differences_are_told_in_one_sentence() -> None:
    told = describe([Difference("company", "a", "b"), Difference("finops_origin", "c", "d")])
    assert told == "the environment changed: company was a and is b; finops_origin was c and is d"
    assert describe([]) == ""


def test_an_acceptance_that_was_interrupted_blocks_also_where_the_former_environment_is_back() -> None:
    control = Control(MemoryTable(CLOCK))
    of = environment(control)
    assert not of.begin_acceptance(FLOW)
    of.change(FLOW)
    assert (of.change_by_settings(FLOW), of.differences(FLOW)) == ("", [])
    assert environment(control, company="demf").begin_acceptance(FLOW)
    assert of.differences(FLOW) == [Difference(UNFINISHED, "begun", "not finished")]
    assert of.change_by_settings(FLOW) == of.change(FLOW) != ""
    assert environment(control, company="demf").differences(FLOW) == [Difference("company", "usmf", "demf")]
    assert of.accept(FLOW, of.change(FLOW))
    assert of.change(FLOW) == ""
