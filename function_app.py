"""Every trigger of the app, and nothing else: the only file that imports azure.functions.

A failure while this file is imported leaves the app without a single function, so nothing here reads settings or
talks to anybody: that happens at the first invocation.
"""

from collections.abc import Callable

import azure.functions as func

from shared.bootstrap import service
from shared.flows.registry import FLOWS
from shared.flows.spec import Flows, FlowSpec
from shared.invocations import Invocation
from shared.service import Service

STORAGE = "AzureWebJobsStorage"


def app_of(flows: Flows, service_of: Callable[[Flows], Service] = service) -> func.FunctionApp:
    """The app with the functions of these flows, and those for all of them. `service_of` gives what they call."""
    made = func.FunctionApp()
    for flow in flows:
        _add_functions_of(made, flow, lambda: service_of(flows))
    _add_functions_for_all(made, lambda: service_of(flows))
    return made


def _of(context: func.Context) -> Invocation:
    """The host's own name of this run, and its places in our threads."""
    return Invocation(context.invocation_id, context.thread_local_storage)


def _add_functions_of(app: func.FunctionApp, flow: FlowSpec, service: Callable[[], Service]) -> None:
    """The worker refuses arguments with defaults, so each function knows its flow by the scope that it is made in."""
    queue, _, poison_queue = flow.queues
    to_pull, to_apply, to_poison = flow.functions

    @app.function_name(to_pull)
    @app.timer_trigger(arg_name="timer", schedule=f"%{flow.schedule_setting}%", run_on_startup=False, use_monitor=True)
    def pull(timer: func.TimerRequest, context: func.Context) -> None:
        """Find the records that changed in the source and queue hints."""
        service().pull(flow.name, _of(context))

    @app.function_name(to_apply)
    @app.queue_trigger(arg_name="message", queue_name=queue, connection=STORAGE)
    def apply(message: func.QueueMessage, context: func.Context) -> None:
        """Write the records that a message names to the target."""
        service().apply(flow.name, message.get_body(), _of(context))

    @app.function_name(to_poison)
    @app.queue_trigger(arg_name="message", queue_name=poison_queue, connection=STORAGE)
    def poison(message: func.QueueMessage, context: func.Context) -> None:
        """Split a message that failed too often, or list its only record as a failure."""
        service().poison(flow.name, message.get_body(), _of(context))


def _add_functions_for_all(app: func.FunctionApp, service: Callable[[], Service]) -> None:
    @app.function_name("sweep")
    @app.timer_trigger(arg_name="timer", schedule="%SWEEP_SCHEDULE%", run_on_startup=False, use_monitor=True)
    def sweep(timer: func.TimerRequest, context: func.Context) -> None:
        """Bring back held messages, waiting records and failures whose time has come; probe blocked systems."""
        service().sweep(_of(context))

    @app.function_name("reconcile")
    @app.timer_trigger(arg_name="timer", schedule="%RECONCILE_SCHEDULE%", run_on_startup=False, use_monitor=True)
    def reconcile(timer: func.TimerRequest, context: func.Context) -> None:
        """Compare both systems, and tell what has drifted."""
        service().reconcile(_of(context))

    @app.function_name("cleanup")
    @app.timer_trigger(arg_name="timer", schedule="%CLEANUP_SCHEDULE%", run_on_startup=False, use_monitor=True)
    def cleanup(timer: func.TimerRequest, context: func.Context) -> None:
        """Remove history, runs and audit that are older than they are kept."""
        service().cleanup(_of(context))


app = app_of(FLOWS)
