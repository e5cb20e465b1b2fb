"""Import it first where a process is measured that shall be the app: what Azure does not have is not loaded either."""

import sys

# Azure's SDK loads aiohttp for its asynchronous clients where it is installed, as here for the simulators.
sys.modules.setdefault("azure.core.pipeline.transport._aiohttp", None)  # type: ignore[arg-type]
