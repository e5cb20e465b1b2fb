"""Whether the host has loaded every function of the app: a wrong package or setting can leave some out."""

import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from shared.flows.checks import Check, CheckResult
from shared.setupguide import section

_HOOK = Path(__file__).resolve().parents[1] / "infra" / "hooks" / "count_functions.py"
# The variables that name a deployment, as `azd env get-values` prints them.
_DEPLOYMENT = ("FUNCTION_APP_NAME", "AZURE_RESOURCE_GROUP", "AZURE_SUBSCRIPTION_ID")
_AREA, _WHAT = "Azure", "the host has loaded every function"
_REMEDY = (
    f"check the schedules among the app settings and the deployment log, then run azd deploy: {section('5')}; "
    "python3 infra/hooks/count_functions.py checks again"
)
_TIMEOUT_S = 120


def loaded_functions(environ: Mapping[str, str]) -> Iterator[Check]:
    """Compare the functions that the host has loaded with those of the app, by name, with the Azure CLI's sign-in;
    nothing if the environment names no deployment."""
    if not all(environ.get(name) for name in _DEPLOYMENT):
        return
    try:
        ended = subprocess.run(  # noqa: S603 - our own hook
            [sys.executable, str(_HOOK), "--missing"],
            env=dict(environ), capture_output=True, text=True, check=False, timeout=_TIMEOUT_S,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        yield Check(_AREA, _WHAT, CheckResult.BY_HAND, f"the Azure CLI did not answer within {_TIMEOUT_S} s", _REMEDY)
        return
    missing = ended.stdout.split()
    if ended.returncode != 0:
        yield Check(_AREA, _WHAT, CheckResult.BY_HAND, " ".join(ended.stderr.split()), _REMEDY)
    elif missing:
        yield Check(_AREA, _WHAT, CheckResult.WRONG, f"it lacks {', '.join(missing)}", _REMEDY)
    else:
        yield Check(_AREA, _WHAT, CheckResult.WELL)
