"""Names that are safe for files on every system: visible characters, no device names, no path separators."""

from __future__ import annotations

import re

# Windows reserves these for devices, whatever the extension, and drops dots and spaces at the end of a name.
DEVICE = re.compile(r"(CON|PRN|AUX|NUL|CONIN\$|CONOUT\$|(COM|LPT)[0-9\xb9\xb2\xb3])(\..*)?", re.IGNORECASE)
PLAIN = re.compile(r"\w([\w .-]*[\w-])?")
MOST_BYTES = 200  # file systems allow 255; pages are called NAME-evidence.html


def file_name_fault(name: str) -> str | None:
    """Why `name` cannot name files and pages, as a predicate ("takes more than ..."); None if it can."""
    if not (name.isidentifier() or PLAIN.fullmatch(name)):
        return "contains characters other than letters, digits, _, -, . and inner spaces"
    if len(name.encode()) > MOST_BYTES:
        return f"takes more than {MOST_BYTES} bytes"
    return "is the name of a device on Windows" if DEVICE.fullmatch(name) else None
