"""The limit of a filter's nodes as an option of a simulator; that of Dataverse is asked where it starts alone
(test_dataverse_loading.py)."""

from pathlib import Path

import pytest
import requests

from local.demo import processes
from local.finops.__main__ import main


@pytest.mark.process
def test_the_simulator_of_finops_refuses_long_filters_where_its_option_says_so(tmp_path: Path) -> None:
    arguments = ["--port", "0", "--token", "t", "--ready-file", str(tmp_path / "ready"), "--max-filter-nodes", "100"]
    with processes.running("child", "local.finops", arguments, log=tmp_path / "log") as child:
        child.wait_for(tmp_path / "ready")
        url = f"http://127.0.0.1:{(tmp_path / 'ready').read_text(encoding='utf-8').strip()}/data/CustomersV3"
        statuses = [
            requests.get(
                url,
                {"$filter": " or ".join(f"CustomerAccount eq 'C{number}'" for number in range(count))},
                headers={"Authorization": "Bearer t"},
                timeout=10,
            ).status_code
            for count in (19, 20)
        ]
    assert statuses == [200, 400]


def test_a_limit_that_cannot_be_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--port", "0", "--token", "t", "--max-filter-nodes", "0"])
    assert ended.value.code == 2
    assert "--max-filter-nodes: '0' is not a whole number from 1" in capsys.readouterr().err
