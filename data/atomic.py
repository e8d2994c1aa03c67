"""Files that are written whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path
from secrets import token_hex

PART = ".part"  # ends the name of a file that is being written


def write_file(path: Path, content: bytes) -> None:
    """Create or replace a file: after a kill, a power cut or a full disk it holds the old content or the new.

    The content goes to a temporary file `.*.part` in the same folder, is forced to the disk and then renamed. A killed
    writer leaves the temporary file. Raises OSError, after which the old file stands and no temporary one is left.
    """
    temporary = path.with_name(f".{token_hex(8)}{PART}")
    try:
        with temporary.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
