"""The page and the tables of a sweep: the figures of pandas, every text escaped, nothing loaded from elsewhere."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from itertools import product

import numpy as np
import pandas as pd
import pytest

from data.errors import WorkError
from reports.figures.sweep import GROUPS, declared_variant, parameter_effects, parameter_heatmaps, rank_variants
from reports.folders import sweep as sweep_folder
from reports.pages import sweep as sweep_page
from reports.pages import sweep_prose
from reports.records.evidence import SharpeEvidence
from reports.records.result import Story
from reports.records.sweep import FIGURES, CrossValidation, SearchRecord, SweepResult, SweptParameter
from reports.statistics.availability import Missing
from tests.resources.page import HOSTILE, READ, Page

MINUS = "\u2212"


def make(labels=(("20", "60", "252"), ("5", "20"), ("no", "yes")), names=("hold", "rebalance", "hedge"), **changes):
    """A sweep over a whole grid with random figures."""
    codes = np.array(list(product(*(range(len(values)) for values in labels))), dtype=int)
    rng = np.random.default_rng(11)
    figures = {name: rng.normal(0, 0.1, len(codes)) for name in FIGURES}
    figures |= {name: np.zeros(len(codes)) for name in ("truncated", "ruined", "refused", "hindsight")}
    figures["sessions"] = np.full(len(codes), 61.0)
    given = {
        "name": "some_reading",
        "story": Story("A title.", "", "", "", ""),
        "comparator": "the idle account",
        "benchmark": "SPY",
        "parameters": tuple(
            SweptParameter(name, values, values[-1]) for name, values in zip(names, labels, strict=True)
        ),
        "codes": codes,
        "fixed": {"lag": "1"},
        "figures": figures,
        "days": np.array([["2025-01-31", "2025-04-29"]] * len(codes)),
        "failed": {},
        "objective": "d",
        "validation": CrossValidation(0.25, 8, 12, 61, "2025-01-31", "2025-04-29"),
        "sharpe": SharpeEvidence(1.5, 0.9, 0.4, 1.7, 2.0, 0.24, 12, 3),
        "origin": "folder daily",
        "real": True,
        "manifest": {"command": "python -m runners.sweep"},
    }
    return SweepResult(**{**given, **changes})


def frame(sweep):
    """Labels and objective as a table."""
    table = pd.DataFrame(
        {each.name: np.array(each.labels)[sweep.codes[:, k]] for k, each in enumerate(sweep.parameters)}
    )
    return table.assign(value=sweep.values)


def page(sweep):
    return Page(sweep_page.render(sweep))


def test_heatmaps_are_pivot_tables_of_every_pair():
    sweep = make()
    found = parameter_heatmaps(sweep)
    assert len(found) == 3
    for heatmap in found:
        row, column = sweep.parameters[heatmap.row], sweep.parameters[heatmap.column]
        pivot = frame(sweep).pivot_table(index=row.name, columns=column.name, values="value")
        expected = pivot.reindex(index=row.labels, columns=column.labels).to_numpy()
        assert heatmap.mean == pytest.approx(expected, abs=1e-12)
        assert heatmap.n.sum() == len(sweep)
        assert len(column.labels) <= len(row.labels)


def test_effects_are_means_by_value_and_shares_of_variance():
    sweep = make()
    table, found = frame(sweep), parameter_effects(sweep)
    shares = {}
    for knob in sweep.parameters:
        means = table.groupby(knob.name)["value"].transform("mean")
        shares[knob.name] = float(
            ((means - table["value"].mean()) ** 2).sum() / ((table["value"] - table["value"].mean()) ** 2).sum()
        )
    assert {effect.parameter: effect.share for effect in found} == pytest.approx(shares)
    assert [effect.parameter for effect in found] == sorted(shares, key=lambda name: -shares[name])
    for effect in found:
        by_value = table.groupby(effect.parameter)["value"].agg(["count", "mean", "min", "max"])
        for level in effect.levels:
            assert [level.n, level.mean, level.low, level.high] == pytest.approx(by_value.loc[level.label].tolist())


def test_without_interaction_and_noise_the_shares_add_up_to_one():
    sweep = make()
    added = sweep.codes @ np.array([0.1, -0.3, 0.05])
    shares = [effect.share for effect in parameter_effects(replace(sweep, figures={**sweep.figures, "d": added}))]
    assert sum(shares) == pytest.approx(1)


def test_what_is_undefined_or_infinite_is_left_out_of_means_and_ranks_last():
    sweep = make()
    d = sweep.figures["d"].copy()
    d[0], d[1] = np.nan, -np.inf
    sweep = replace(sweep, figures={**sweep.figures, "d": d}, failed={0: "no such thing"})
    assert rank_variants(sweep)[-2:].tolist() == [1, 0]
    for effect in parameter_effects(sweep):
        assert sum(level.n for level in effect.levels) == 10
        assert all(np.isfinite(level.mean) for level in effect.levels)
    shown = page(sweep)
    assert "not run: no such thing" in shown.text
    assert "nan" not in shown.text.lower() and "inf" not in shown.tables[-1]
    results = json.loads(sweep_folder.sweep_files(sweep)["results.json"])
    assert results["failed"] == {"count": 1, "first": "no such thing"}


def test_the_declared_variant_is_ranked():
    sweep = make()
    assert declared_variant(sweep) == 11
    rank = sorted(sweep.values, reverse=True).index(sweep.values[11]) + 1
    assert f"the declared variant ranks {rank} of 12" in sweep_prose.declared_rank_sentence(sweep)
    without = replace(sweep, parameters=(replace(sweep.parameters[0], default="120"), *sweep.parameters[1:]))
    assert declared_variant(without) is None
    assert "(hold=120 rebalance=20 hedge=yes) is not part of the sweep" in sweep_prose.declared_rank_sentence(without)
    unknown = np.where(np.arange(12) == 11, np.nan, sweep.figures["d"])
    assert sweep_prose.declared_rank_sentence(replace(sweep, figures={**sweep.figures, "d": unknown})) == (
        "the declared variant has no excess return"
    )


def test_many_values_are_put_into_groups_in_their_order():
    sweep = make(labels=(tuple(map(str, range(45))), ("5", "20")), names=("hold", "rebalance"))
    (heatmap,) = parameter_heatmaps(sweep)
    assert heatmap.mean.shape == (GROUPS, 2)
    effect = next(effect for effect in parameter_effects(sweep) if effect.parameter == "hold")
    assert [level.label for level in effect.levels][:2] == ["0 to 4", "5 to 9"]
    first = frame(sweep).query("hold in ['0', '1', '2', '3', '4']")["value"]
    assert effect.levels[0].mean == pytest.approx(first.mean())


def test_the_page_shows_the_cells_and_says_what_was_averaged_over():
    sweep = make()
    shown = page(sweep)
    heatmap = parameter_heatmaps(sweep)[0]
    table = shown.tables[3]  # after one of each parameter
    assert table[0] == ["", *sweep.parameters[heatmap.column].labels]
    assert [row[0] for row in table[1:]] == list(sweep.parameters[heatmap.row].labels)
    cells = [[float(cell.replace(MINUS, "-").rstrip("%")) for cell in row[1:]] for row in table[1:]]
    assert cells == pytest.approx(100 * (np.exp(heatmap.mean) - 1), abs=0.0501)
    assert "averaged over hedge" in shown.text
    assert sweep_prose.NO_EVIDENCE in shown.text
    assert "Probability of overfitting: 0.250 (8 of 12 variants, 61 trading days that they share" in shown.text
    assert "12 variants were tried (3 more were deleted)" in shown.text and "by luck (1.70 a year) is" in shown.text


def test_the_table_of_variants_is_ranked_and_sortable():
    sweep = make()
    shown = page(sweep)
    rows = shown.tables[-1]
    assert rows[0][:5] == ["Rank", "hold", "rebalance", "hedge", "Net"]
    ranked = frame(sweep).sort_values("value", ascending=False)
    assert [row[1:4] for row in rows[1:]] == ranked[["hold", "rebalance", "hedge"]].to_numpy().tolist()
    sorts = [attributes["data-sort"] for tag, attributes in shown.elements if tag == "td" and "data-sort" in attributes]
    assert len(sorts) == 12 * (3 + len(sweep_page.COLUMNS))


def test_of_many_variants_the_table_shows_both_ends_and_the_file_all():
    sweep = make(labels=(tuple(map(str, range(20))), tuple(map(str, range(20)))), names=("one", "two"))
    shown = page(sweep)
    ranks = [int(row[0]) for row in shown.tables[-1][1:]]
    assert ranks == [*range(1, 101), *range(301, 401)]
    assert "The 100 best and the 100 worst of 400" in shown.text
    table = pd.read_csv(io.BytesIO(sweep_folder.sweep_files(sweep)["sweep.csv"]))
    assert len(table) == 400
    assert table["d"].to_numpy().tolist() == sweep.values.tolist(), "to the last bit"


def test_what_the_script_averages_is_what_the_page_shows():
    sweep = make()
    (data,) = [json.loads(script) for script in page(sweep).scripts[:1]]
    assert data["parameters"] == ["hold", "rebalance", "hedge"]
    assert np.array(data["codes"]).T.tolist() == sweep.codes.tolist()
    assert data["figures"]["d"] == pytest.approx(sweep.values.tolist(), abs=1e-5)
    assert data["formats"] == {"d": "excess_percent", "net": "percent", "sharpe": "ratio", "drawdown": "percent"}
    big = make(labels=(tuple(map(str, range(72))), tuple(map(str, range(72)))), names=("one", "two"))
    assert page(big).data == {}
    assert not any(attributes.get("id") == "figure" for _, attributes in page(big).elements)


def test_a_single_parameter_and_a_single_variant_have_a_page_too():
    one = make(labels=(("20", "60"),), names=("hold",))
    assert parameter_heatmaps(one) == [] and len(parameter_effects(one)) == 1
    assert "Two parameters at a time" not in page(one).text
    none = make(labels=(), names=())
    assert "One parameter at a time" not in page(none).text
    assert len(page(none).tables[-1]) == 2


def test_what_is_not_available_says_why():
    sweep = make(validation=Missing("too little"), sharpe=Missing("too short"))
    shown = page(sweep)
    assert "The probability of overfitting is not available: too little." in shown.text
    assert "The deflated Sharpe ratio of the best variant is not available: too short." in shown.text
    results = json.loads(sweep_folder.sweep_files(sweep)["results.json"])
    assert results["overfitting"] == {"not_available": "too little"}


def test_a_search_and_a_reconstruction_say_so():
    search = SearchRecord("TPE of optuna", 50, 16, 1, 12, {"hold": "5..252"})
    text = page(make(search=search, real=False, notices=("Mind this.",))).text
    assert "12 variants from 50 trials of TPE of optuna, by excess return" in text
    assert "TPE of optuna, seed 1: 50 trials in batches of 16, 12 different variants" in text
    assert "5..252, searched" in text
    assert "A search tries good regions more often" in text
    assert "is a reconstruction" in text and "Mind this." in text
    assert "not added to the trial ledger" in text


def test_every_text_is_escaped_and_nothing_is_loaded():
    labels = ((HOSTILE, "b"), ("c", HOSTILE))
    sweep = make(
        labels=labels,
        names=("one", f"two {HOSTILE}"),
        name=HOSTILE,
        comparator=HOSTILE,
        origin=HOSTILE,
        notices=(HOSTILE,),
        fixed={HOSTILE: HOSTILE},
        failed={0: HOSTILE},
        story=Story(HOSTILE, "", "", "", ""),
        validation=Missing(HOSTILE),
    )
    text = sweep_page.render(sweep)
    shown = Page(text)
    assert "alert(1)" not in "".join(shown.scripts[1:]) and "49" not in shown.tables[0][1][0]
    assert not [attributes for tag, attributes in shown.elements if tag == "img"]
    assert set(shown.addresses) == {"data:,", "sweep.csv"}
    policy = next(a["content"] for _, a in shown.elements if a.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-")
    assert shown.data["parameters"][1] == f"two {READ}"
    assert len(shown.scripts) == 2


def test_equal_inputs_give_equal_bytes_and_the_manifest_has_their_digests():
    from hashlib import sha256

    first, second = sweep_folder.sweep_files(make()), sweep_folder.sweep_files(make())
    assert first == second
    listed = json.loads(first["manifest.json"])["files"]
    assert listed == {name: sha256(body).hexdigest() for name, body in first.items() if name != "manifest.json"}


def test_the_folder_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    out = tmp_path / "out"
    sweep_folder.write(make(), out)
    before = {path.name: path.read_bytes() for path in out.iterdir()}

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(WorkError, match=r"cannot be written \(No space left on device\), the earlier run stays"):
        sweep_folder.write(replace(make(), real=False), out)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    assert list(tmp_path.iterdir()) == [out]


def test_a_parameter_may_have_the_name_of_a_figure():
    sweep = make(labels=(("1", "2"),), names=("costs",))
    table = pd.read_csv(io.BytesIO(sweep_folder.sweep_files(sweep)["sweep.csv"]))
    assert table["costs"].tolist() == [1, 2]
    assert table["figure costs"].tolist() == sweep.figures["costs"].tolist()
