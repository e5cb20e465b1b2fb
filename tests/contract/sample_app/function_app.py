"""A small app with one function of each kind that the worker tests drive."""

import json
import typing

import azure.functions as func

app = func.FunctionApp()


@app.timer_trigger(arg_name="timer", schedule="%TICK_SCHEDULE%", use_monitor=True)
@app.queue_output(arg_name="out", queue_name="sample-work", connection="AzureWebJobsStorage")
def sample_tick(timer: func.TimerRequest, out: func.Out[typing.List[str]], context: func.Context) -> None:  # noqa: UP006 - the worker refuses list[str]
    """Queue two messages that say how the timer was called."""
    told = {"past_due": timer.past_due, "function": context.function_name}
    out.set([json.dumps({**told, "number": number}) for number in range(2)])


@app.queue_trigger(arg_name="message", queue_name="sample-work", connection="AzureWebJobsStorage")
@app.queue_output(arg_name="done", queue_name="sample-done", connection="AzureWebJobsStorage")
def sample_work(message: func.QueueMessage, done: func.Out[str]) -> None:
    """Report a message; fail for one that asks for it."""
    body = message.get_json()
    if body.get("fail"):
        raise ValueError("the message asked for a failure")
    done.set(json.dumps({**body, "attempt": message.dequeue_count}))


@app.queue_trigger(arg_name="message", queue_name="sample-async", connection="AzureWebJobsStorage")
@app.queue_output(arg_name="$return", queue_name="sample-done", connection="AzureWebJobsStorage")
async def sample_async(message: func.QueueMessage) -> str:
    """Pass a message on by its return value."""
    return message.get_body().decode()
