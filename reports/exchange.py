"""Two folders change places in one step, where the system and its file system can.

Linux has renameat2 with RENAME_EXCHANGE (since 3.15; ext4, xfs, btrfs, tmpfs and overlayfs among others), macOS has
renamex_np with RENAME_SWAP (since 10.12, on APFS). Nobody ever sees one of the two missing.
"""

from __future__ import annotations

import ctypes
import errno
import os
import sys
from pathlib import Path
from typing import Any

AT_FDCWD = -100
RENAME_EXCHANGE = RENAME_SWAP = 2
NOT_HERE = {errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EPERM}


def exchange(one: Path, other: Path) -> bool:
    """Let both change places; False, and nothing happened, where that cannot be done in one step.

    Raises OSError for what no other way would do either, such as a folder that is not there.
    """
    rename = _system_call()
    if rename is None:
        return False
    if rename(os.fsencode(one), os.fsencode(other)) == 0:
        return True
    number = ctypes.get_errno()
    if number in NOT_HERE:
        return False
    raise OSError(number, os.strerror(number), str(one), None, str(other))


def _system_call() -> Any:
    """The function that exchanges two paths, None where the C library has none."""
    if sys.platform == "win32":
        return None
    library = ctypes.CDLL(None, use_errno=True)
    if sys.platform == "darwin":
        swap = getattr(library, "renamex_np", None)
        return None if swap is None else lambda one, other: swap(one, other, ctypes.c_uint(RENAME_SWAP))
    renameat2 = getattr(library, "renameat2", None)
    if renameat2 is None:
        return None
    return lambda one, other: renameat2(AT_FDCWD, one, AT_FDCWD, other, ctypes.c_uint(RENAME_EXCHANGE))
