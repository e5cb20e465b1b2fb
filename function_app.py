"""Every trigger of the app, and nothing else: the only file that imports azure.functions.

A failure while this file is imported leaves the app without a single function, so nothing here reads settings or
talks to anybody: that happens at the first invocation.
"""

import azure.functions as func

from shared.bootstrap import service
from shared.invocations import Invocation

app = func.FunctionApp()
STORAGE = "AzureWebJobsStorage"


def _of(context: func.Context) -> Invocation:
    """The host's own name of this run, and its places in our threads."""
    return Invocation(context.invocation_id, context.thread_local_storage)


@app.function_name("accounts_pull")
@app.timer_trigger(arg_name="timer", schedule="%ACCOUNTS_SCHEDULE%", run_on_startup=False, use_monitor=True)
def accounts_pull(timer: func.TimerRequest, context: func.Context) -> None:
    """Find the accounts that changed in Sales and queue hints."""
    service().pull("accounts", _of(context))


@app.function_name("accounts_apply")
@app.queue_trigger(arg_name="message", queue_name="accounts", connection=STORAGE)
def accounts_apply(message: func.QueueMessage, context: func.Context) -> None:
    """Write the accounts that a message names to F&O as customers."""
    service().apply("accounts", message.get_body(), _of(context))


@app.function_name("accounts_poison")
@app.queue_trigger(arg_name="message", queue_name="accounts-poison", connection=STORAGE)
def accounts_poison(message: func.QueueMessage, context: func.Context) -> None:
    """Split a message that failed too often, or list its only account as a failure."""
    service().poison("accounts", message.get_body(), _of(context))


@app.function_name("contacts_pull")
@app.timer_trigger(arg_name="timer", schedule="%CONTACTS_SCHEDULE%", run_on_startup=False, use_monitor=True)
def contacts_pull(timer: func.TimerRequest, context: func.Context) -> None:
    """Find the contacts that changed in Sales and queue hints."""
    service().pull("contacts", _of(context))


@app.function_name("contacts_apply")
@app.queue_trigger(arg_name="message", queue_name="contacts", connection=STORAGE)
def contacts_apply(message: func.QueueMessage, context: func.Context) -> None:
    """Write the contacts that a message names to F&O as contact persons or customers."""
    service().apply("contacts", message.get_body(), _of(context))


@app.function_name("contacts_poison")
@app.queue_trigger(arg_name="message", queue_name="contacts-poison", connection=STORAGE)
def contacts_poison(message: func.QueueMessage, context: func.Context) -> None:
    """Split a message that failed too often, or list its only contact as a failure."""
    service().poison("contacts", message.get_body(), _of(context))


@app.function_name("products_pull")
@app.timer_trigger(arg_name="timer", schedule="%PRODUCTS_SCHEDULE%", run_on_startup=False, use_monitor=True)
def products_pull(timer: func.TimerRequest, context: func.Context) -> None:
    """Find the sellable products that changed in F&O and queue hints."""
    service().pull("products", _of(context))


@app.function_name("products_apply")
@app.queue_trigger(arg_name="message", queue_name="products", connection=STORAGE)
def products_apply(message: func.QueueMessage, context: func.Context) -> None:
    """Write the products that a message names to Sales."""
    service().apply("products", message.get_body(), _of(context))


@app.function_name("products_poison")
@app.queue_trigger(arg_name="message", queue_name="products-poison", connection=STORAGE)
def products_poison(message: func.QueueMessage, context: func.Context) -> None:
    """Split a message that failed too often, or list its only product as a failure."""
    service().poison("products", message.get_body(), _of(context))


@app.function_name("quotations_pull")
@app.timer_trigger(arg_name="timer", schedule="%QUOTATIONS_SCHEDULE%", run_on_startup=False, use_monitor=True)
def quotations_pull(timer: func.TimerRequest, context: func.Context) -> None:
    """Find the quotes that changed in Sales, header or line, and queue hints."""
    service().pull("quotations", _of(context))


@app.function_name("quotations_apply")
@app.queue_trigger(arg_name="message", queue_name="quotations", connection=STORAGE)
def quotations_apply(message: func.QueueMessage, context: func.Context) -> None:
    """Write the quotes that a message names to F&O as sales quotations with their lines."""
    service().apply("quotations", message.get_body(), _of(context))


@app.function_name("quotations_poison")
@app.queue_trigger(arg_name="message", queue_name="quotations-poison", connection=STORAGE)
def quotations_poison(message: func.QueueMessage, context: func.Context) -> None:
    """Split a message that failed too often, or list its only quote as a failure."""
    service().poison("quotations", message.get_body(), _of(context))


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
