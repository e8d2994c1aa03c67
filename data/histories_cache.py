"""Histories from a folder of CSV files, kept after their first reading.

Parsing and checking hundreds of long files takes seconds. The result is kept in the user's cache folder, under a digest
of every file's content, of the window and of this package's code, so that no change of a file goes unnoticed. NumPy's
own format is exact, and needs no import that is not there already. A damaged file is read as none.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import pandas as pd

from data.atomic import write_file
from data.histories import Histories
from data.prices import FIELDS, PriceNotice, Prices
from data.sources.cache import default_cache_folder

MOST_KEPT = 3  # results; the oldest are removed
ARRAYS = (*FIELDS, "factor")
UNREADABLE = (OSError, ValueError, LookupError, TypeError, BadZipFile, EOFError)


@dataclass(frozen=True)
class HistoriesCache:
    """The kept result for one set of files; `digest` names it."""

    digest: str

    @classmethod
    def of(cls, files: Iterable[tuple[str, Path | None]], window: str, origin: str) -> HistoriesCache:
        """The cache of symbols with their files (None without one), a window in words, and the name of the source."""
        digest = sha256(f"{_code()} {window} {origin}".encode())
        for symbol, path in files:
            content = "" if path is None else sha256(path.read_bytes()).hexdigest()
            digest.update(f"\n{symbol} {content}".encode())
        return cls(digest.hexdigest())

    @property
    def path(self) -> Path:
        """Its file."""
        return default_cache_folder() / "histories" / f"{self.digest}.npz"

    def read(self) -> Histories | None:
        """The kept histories; None if there are none, or they are damaged."""
        with suppress(*UNREADABLE):
            content = self.path.read_bytes()
            digest, arrays = content[:64], content[64:]
            if sha256(arrays).hexdigest().encode() == digest:
                return _histories(arrays)
        return None

    def write(self, histories: Histories) -> None:
        """Keep the histories, and remove the oldest kept ones; nothing happens where that is not possible."""
        arrays = _content(histories)
        with suppress(OSError):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            write_file(self.path, sha256(arrays).hexdigest().encode() + arrays)
            remove_oldest(self.path.parent, "*.npz", MOST_KEPT)


def remove_oldest(folder: Path, pattern: str, kept: int) -> None:
    """Remove the files of a folder that match `pattern`, but for the newest `kept`."""
    files = sorted(folder.glob(pattern), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in files[kept:]:
        path.unlink(missing_ok=True)


def _content(histories: Histories) -> bytes:
    prices, file = histories.prices, BytesIO()
    described = {
        "symbols": prices.symbols,
        "origin": prices.origin,
        "real": prices.real,
        "missing": histories.missing,
        "notices": [notice._asdict() for notice in prices.notices],
    }
    arrays = {name: getattr(prices, name) for name in ARRAYS}
    np.savez(file, days=prices.days.astype(np.int64), described=np.array(json.dumps(described)), **arrays)
    return file.getvalue()


def _histories(content: bytes) -> Histories:
    with np.load(BytesIO(content), allow_pickle=False) as loaded:
        described = json.loads(str(loaded["described"]))
        sessions = pd.DatetimeIndex(loaded["days"].astype("datetime64[D]")).as_unit("ns")
        arrays = {name: loaded[name] for name in ARRAYS}
    for values in arrays.values():
        values.flags.writeable = False  # nobody else has them
    prices = Prices(
        sessions,
        tuple(described["symbols"]),
        **arrays,
        origin=described["origin"],
        real=described["real"],
        notices=tuple(PriceNotice(**notice) for notice in described["notices"]),
    )
    return Histories(prices, tuple(described["missing"]))


@cache
def _code() -> str:
    """Digest of this package's code and facts, on which reading and checking depend."""
    folder, digest = Path(__file__).parent, sha256()
    for path in sorted((*folder.rglob("*.py"), *(folder / "facts").glob("*.csv"))):
        digest.update(path.relative_to(folder).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()
