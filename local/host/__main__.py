"""Runs the functions of an app on this machine: `python -m local.host --app .`

The host is this process. It starts its worker as another one, and restarts it when it dies.
"""

import gc
import os
import sys

from local.host.journal import VARIABLE

if __name__ == "__main__":
    if VARIABLE in os.environ:
        # What is imported is no garbage: to look through it again and again takes a tenth of the start.
        gc.disable()
        # Azure's SDK loads aiohttp for its asynchronous clients where it is installed, as here for the simulators: that
        # takes a tenth of the start. In Azure it is not there.
        sys.modules["azure.core.pipeline.transport._aiohttp"] = None  # type: ignore[assignment]
        from local.host import worker

        worker.end(worker.main())
    from local.host.supervising import supervise

    sys.exit(supervise())
