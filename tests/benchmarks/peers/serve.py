"""The peer's side: a line of JSON for each question."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence

Answer = tuple[float, Sequence[float]]


def serve(questions: dict[str, Callable[[], Answer]]) -> None:
    """Answer each question with its seconds and the terminal values, until the input ends.

    Each question is first run once unmeasured, so that compilation is not timed.
    """
    warm = set()
    for line in sys.stdin:
        question = line.strip()
        if question not in warm:
            questions[question]()
            warm.add(question)
        seconds, terminal = questions[question]()
        print(json.dumps({"seconds": seconds, "terminal": list(map(float, terminal))}), flush=True)
