"""The peer's side of the conversation: for each question, a line of JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence

Answer = tuple[float, Sequence[float]]


def serve(questions: dict[str, Callable[[], Answer]]) -> None:
    """Answer each question that comes in with its seconds and the terminal values, until the input ends.

    A question is answered once unheard before its first answer, so that what is compiled is compiled.
    """
    warm = set()
    for line in sys.stdin:
        question = line.strip()
        if question not in warm:
            questions[question]()
            warm.add(question)
        seconds, terminal = questions[question]()
        print(json.dumps({"seconds": seconds, "terminal": list(map(float, terminal))}), flush=True)
