"""What can go wrong in the host. Every message names the thing, its value and the remedy."""


class HostError(Exception):
    """Every error that the host raises on purpose."""


class AppInvalid(HostError):
    """`function_app.py` cannot be imported, or declares functions that the real worker would refuse."""


class SettingsInvalid(HostError):
    """App settings or host.json are missing a value or hold one that the real host would refuse."""


class StorageUnavailable(HostError):
    """Storage answered that it cannot, after all tries: the same request may be sent again later."""


class StorageUnreachable(StorageUnavailable):
    """Storage did not answer at all, for as long as all tries took."""


class StorageRefused(StorageUnavailable):
    """Storage refused us (401, 403): to try again is of no use."""


class QueueMissing(HostError):
    """The queue does not exist (yet)."""


class MessageGone(HostError):
    """The message was deleted, or someone else holds it under a newer pop receipt."""
