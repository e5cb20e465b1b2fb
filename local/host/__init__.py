"""A local Azure Functions host: runs any `function_app.py` of the Python v2 model on its timers and queues.

It keeps to what the real host does with storage (leases, dequeue counts, poison queues, timer status) and with a
function that runs over its time limit or a worker that dies (it is restarted). It does less in some places, and says
so: it has no HTTP triggers, and skips an unknown class of trigger or binding with a warning.
"""
