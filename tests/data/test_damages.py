"""Damaged copies of real price files are refused or told, but for those that docs/reliability.md lists."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from tests.resources.damages import DAMAGES, REFUSED, TOLD, UNNOTICED, Damage, outcome

PAGE = (Path(__file__).parents[2] / "docs" / "reliability.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.name)
def test_each_damage_has_its_outcome(market_data: Path, tmp_path: Path, damage: Damage) -> None:
    result, message = outcome(damage, market_data, tmp_path)
    assert result == damage.outcome, message
    assert damage.symbol in message or result == UNNOTICED
    assert "\n" not in message


def test_the_page_lists_what_is_not_noticed() -> None:
    counts = Counter(damage.outcome for damage in DAMAGES)
    figures = f"{len(DAMAGES)} damages: {counts[REFUSED]} refused, {counts[TOLD]} told, {counts[UNNOTICED]} unnoticed"
    text = re.sub(r"\s+", " ", PAGE)
    assert figures in text
    for damage in DAMAGES:
        assert damage.outcome != UNNOTICED or damage.name in text, damage.name
