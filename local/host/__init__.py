"""A local Azure Functions host: runs any `function_app.py` of the Python v2 model on its timers and queues.

It keeps to what the real host does with storage (leases, dequeue counts, poison queues, timer status) and with a
function that runs over its time limit or a worker that dies (it is started anew), and says so where it does less: no
HTTP triggers, and a class of trigger or binding that it does not know is skipped with a warning.
"""
