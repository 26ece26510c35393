"""What the operating system says of a disk, in Bedside's words."""

import errno

from bedside.core.errors import Unavailable

__all__ = ["disk_trouble"]

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})


def disk_trouble(error: OSError) -> Unavailable:
    """The system's own error as one of ours, without the path that the system names.

    An error of the device itself (EIO) counts as a full disk: what must be done is the same.

    >>> disk_trouble(OSError(errno.ENOSPC, "No space left on device")).code
    'disk_full'
    >>> disk_trouble(OSError(errno.EACCES, "Permission denied")).code
    'disk'
    """
    name = errno.errorcode.get(error.errno or 0, "unknown error")
    if error.errno in _FULL:
        return Unavailable(
            f"The disk is full or takes no more ({name}); nothing was lost.",
            fix="free some space and run the same command again.",
            code="disk_full",
        )
    return Unavailable(
        f"The disk refused ({name}); nothing was lost.",
        fix="check the workspace folder and its permissions, and run the same command again.",
        code="disk",
    )
