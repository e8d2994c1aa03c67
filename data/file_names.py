"""What can name a file on every system: letters that are seen, and nothing that means a device or another folder."""

from __future__ import annotations

import re

# Windows knows these as devices, whatever ending follows, and drops points and spaces at the end of a name.
DEVICE = re.compile(r"(CON|PRN|AUX|NUL|CONIN\$|CONOUT\$|(COM|LPT)[0-9\xb9\xb2\xb3])(\..*)?", re.IGNORECASE)
PLAIN = re.compile(r"\w([\w .-]*[\w-])?")
MOST_BYTES = 200  # a file system takes 255; pages are called NAME-evidence.html


def file_name_fault(name: str) -> str | None:
    """Why a name cannot be that of files and pages, as words after it; None where it can."""
    if not (name.isidentifier() or PLAIN.fullmatch(name)):
        return "holds more than letters, digits, _, -, . and spaces between them"
    if len(name.encode()) > MOST_BYTES:
        return f"takes more than {MOST_BYTES} bytes"
    return "is the name of a device on Windows" if DEVICE.fullmatch(name) else None
