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
        from local.host import worker

        worker.end(worker.main())
    from local.host.supervising import supervise

    sys.exit(supervise())
