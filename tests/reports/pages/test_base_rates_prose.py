"""Sentences on base rates: every kind of finding, with its n, its interval and its limit."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reports.pages import base_rates_prose as prose
from reports.records.base_rates import BaseRate, BaseRates, MeanOf
from reports.rendering.numbers import MINUS
from reports.statistics.pooled import PooledExcess
from reports.statistics.verdict import Verdict
from tests.resources.shocks import decisions_of, rank_of, rate_of, rates_of, split_of

MONTH = "20 trading days"
FALLS = "After 24 falls of a sector's leader, "
FEW = Verdict(None, reason="comparable shocks: 3 of them; 5 are needed")
EXPLORATORY = Verdict("exploratory", reason="the class of shocks differs")
TOO_FEW = PooledExcess(3, 3, None, None, None, None, None, rank_of(effect=None, reason="too few shocks"))


def judged(*words: str | None) -> BaseRates:
    names = ("one", "two", "three")
    return rates_of(*(rate_of(name, verdict=Verdict(word)) for name, word in zip(names, words, strict=False)))


def with_pooled(horizon: int, name: str = "first", **changes: object) -> BaseRate:
    rate = rate_of(name)
    return replace(rate, pooled={**rate.pooled, str(horizon): replace(rate.pooled[str(horizon)], **changes)})


@pytest.mark.parametrize(
    ("words", "finding"),
    [
        (("supported", "bounded"), "one beat its comparator over 20 trading days by more than luck explains."),
        (
            ("refuted", "refuted"),
            "one and two trailed their comparators over 20 trading days by more than luck explains.",
        ),
        (
            ("supported", "refuted", "bounded"),
            "one beat its comparator and two trailed its comparator over 20 trading days by more than luck explains.",
        ),
        (
            ("bounded", "bounded"),
            f"none of 2 ways to trade them beat or trailed its comparator by more than 5% on average in {MONTH}.",
        ),
        (
            ("bounded",),
            "the trade neither beat nor trailed its comparator by more than 5% on average in 20 trading days.",
        ),
        (
            ("bounded", "underpowered", "not distinguishable from chance"),
            "none of 3 ways to trade them can be told from luck over 20 trading days.",
        ),
        (("underpowered",), "the trade cannot be told from luck over 20 trading days."),
        (("exploratory", "exploratory"), "2 ways to trade them: exploratory figures, without a verdict."),
        ((None, None), "none of 2 ways to trade them can be judged."),
        ((None,), "the trade cannot be judged."),
    ],
)
def test_the_headline_states_the_finding(words, finding):
    assert prose.headline(judged(*words)) == FALLS + finding


def test_the_headline_of_simulated_prices_begins_with_that():
    assert prose.headline(rates_of(real=False)).startswith("On simulated prices: after 24 falls of a sector's leader")


def test_a_run_about_decisions_alone_has_a_headline_about_them():
    rates = replace(rates_of(), readings={}, decisions=decisions_of(mean=-0.0031))
    assert prose.headline(rates) == (
        "Around 30 scheduled FOMC decisions, around trailed its comparator by 0.31% on average."
    )


def test_shocks_are_counted_apart_from_those_with_a_result():
    first = with_pooled(20, n=22)
    assert prose.class_sentence(rates_of(first, rate_of("second", 2))) == (
        "24 shocks on 24 dates, 2003-01-10 to 2025-11-03; 22 to 24 of them have a result after 20 trading days. Each "
        "time the stock with the highest dollar volume of its sector lost 10% or more in a day on which the market "
        "lost less than 3%."
    )
    rising = rates_of(settings={"threshold": -0.08, "market": 0.01, "cool_down": 60, "lead": 4})
    assert prose.class_sentence(rising).endswith("lost 8% or more in a day on which the market gained more than 1%.")


@pytest.mark.parametrize(
    ("verdict", "end"),
    [
        (Verdict("supported"), "more than luck explains."),
        (Verdict("refuted"), "less than luck explains."),
        (Verdict("bounded"), "an average effect beyond 5% is excluded."),
        (Verdict("underpowered"), "an average effect of 5% could have been missed."),
        (Verdict("not distinguishable from chance"), "not distinguishable from chance."),
        (EXPLORATORY, "exploratory, since the class of shocks differs."),
        (Verdict(None, reason="there is no test"), "no verdict, since there is no test."),
    ],
)
def test_a_base_rate_has_its_n_its_interval_and_its_verdict(verdict, end):
    rate = replace(with_pooled(20, n=139, mean=-0.0070, low=-0.0151, high=0.0010, positive=0.446), verdict=verdict)
    assert prose.base_rate_sentence(rate) == (
        f"After 139 comparable shocks its general form ({MINUS}50% leader, +50% market) trailed its comparator by 0.7% "
        "on average over 20 trading days "
        f"(95% interval {MINUS}1.5% to +0.1%), and was ahead in 45% of them: {end}"
    )


def test_a_mean_that_rounds_to_zero_is_neither_ahead_nor_behind():
    assert prose.compared(0.0004) == prose.compared(-0.0004) == "did as well as its comparator"
    assert prose.compared(0.0004, 2) == "beat its comparator by 0.04%"


def test_too_few_shocks_are_told_without_figures():
    rate = rate_of(verdict=FEW, pooled={str(h): TOO_FEW for h in (5, 20, 60, 120, 252)}, this_event={"20": None})
    assert (
        prose.base_rate_sentence(rate) == "No base rate: only 3 comparable shocks with a result over 20 trading days."
    )
    assert prose.horizon_sentence(rate, 60) == "first, 60 trading days after the entry: 3 shocks, too few for a mean."
    assert prose.standing_sentence(rates_of(rate), replace(rate, percentile={"20": None})) == ""
    assert prose.month_sentence(rates_of(rate)) == prose.long_horizon_sentence(rates_of(rate)) == ""


def test_the_longest_tested_horizon_tells_what_luck_does_not_explain():
    behind = with_pooled(120, mean=-0.07, rank=rank_of(p_family=1.0, p_family_lower=0.002))
    sentence = prose.long_horizon_sentence(rates_of(behind, rate_of("second", 2)))
    assert sentence.startswith(
        f"After 120 trading days luck does not explain first ({MINUS}7.0%) (adjusted p at most 0.002)."
    )
    assert "leaders that went under are missing" in sentence
    assert prose.long_horizon_sentence(rates_of()) == "After 120 trading days, too, luck could explain all of them."


def test_means_and_intervals_are_given_as_ranges():
    low = with_pooled(20, mean=-0.007, low=-0.015, high=0.001)
    high = with_pooled(20, "second", mean=0.004, low=-0.011, high=0.019)
    assert prose.month_sentence(rates_of(low, high)) == (
        f"The means lie between {MINUS}0.7% (first) and +0.4% (second); every 95% interval lies between {MINUS}1.5% "
        "and +1.9%."
    )
    assert prose.month_sentence(rates_of(low)) == (
        f"The mean excess of first is {MINUS}0.7% (95% interval {MINUS}1.5% to +0.1%)."
    )


def test_this_event_stands_among_the_others():
    rate = rate_of(this_event={"20": -0.034}, percentile={"20": 0.275})
    assert prose.standing_sentence(rates_of(rate), rate) == (
        f"After this event (An event) it made {MINUS}3.4%; 28% of the other shocks did worse."
    )


def test_leaving_out_a_group_names_the_two_that_matter_most():
    rate = rate_of(without={"chips": MeanOf(9, -0.01), "cars": MeanOf(8, 0.02), "air": MeanOf(0, None)})
    assert prose.without_sentence(rates_of(rate), rate) == (
        f"Without any one of 2 groups the mean stays between {MINUS}1.0% (without chip makers) and +2.0% (without car "
        "makers)."
    )
    assert prose.without_sentence(rates_of(), replace(rate, without={"chips": MeanOf(9, -0.01)})) == ""


def test_a_split_tells_whether_luck_could_explain_it():
    figures = f"+1.2% (10 shocks) near a decision against {MINUS}0.4% (14 shocks) further from one"
    close = rank_of(p_family=0.06)
    same = split_of(("first", "second"), ranks={"first": rank_of(), "second": close})
    assert prose.split_sentence(same) == (
        f"Luck could explain every difference; the clearest of 2 is that of second, {figures} (adjusted p = 0.060)."
    )
    assert prose.split_sentence(split_of(("first",), ranks={"first": close})) == (
        f"Luck could explain the difference: {figures} (adjusted p = 0.060)."
    )
    other = split_of(("first", "second"), ranks={"first": rank_of(p_family=0.004), "second": close})
    assert prose.split_sentence(other) == f"More than luck explains: first: {figures} (adjusted p = 0.004)."
    unknown = split_of(("first",), ranks={"first": rank_of(reason="4 shocks near a decision; 5 are needed")})
    assert prose.split_sentence(unknown) == "No comparison: 4 shocks near a decision; 5 are needed."


def test_decisions_are_told_with_what_the_moved_calendars_can_show():
    sentence = prose.decisions_sentence(decisions_of(shifted={-7: 0.01, -6: 0.02}))
    assert sentence == (
        "Around 30 scheduled FOMC decisions around beat its comparator by 0.12% on average over 16 trading days (95% "
        f"interval {MINUS}0.04% to +0.28%), and was ahead in 60% of them. Of 2 calendars moved by a few days, none did "
        "worse; with so few, p cannot fall below 0.200, so that this describes and does not decide."
    )


def test_missing_symbols_are_listed_up_to_eight():
    assert prose.missing_sentence(rates_of(missing=("AAA", "BBB"))).startswith("No prices for AAA, BBB; their groups")
    many = tuple(f"S{n}" for n in range(11))
    assert prose.missing_sentence(rates_of(missing=many)).startswith(
        "No prices for S0, S1, S2, S3, S4, S5, S6, S7 and 3 more; their groups"
    )


def test_limits_begin_with_the_main_one_and_give_n_at_every_horizon():
    told = list(prose.limits(rates_of()))
    assert told[0] == prose.SURVIVORSHIP
    assert told[1].endswith(
        "Shocks with a result: 24 after 5, 24 after 20, 23 after 60, 23 after 120 and 23 after 252 trading days."
    )
    special = list(prose.limits(rates_of(real=False, declared=False, missing=("AAA",))))
    assert special[0] == prose.SIMULATED
    assert special[-2:] == [
        "The class of shocks, the costs or the dates are not the declared ones, so that there is no verdict.",
        "No prices for AAA; their groups go on where three members remain.",
    ]


def test_a_difference_from_the_bundled_result_is_told():
    own = rate_of("one")
    n, mean = own.headline.n, own.headline.mean
    assert prose.difference_from_bundled(rates_of(own)) == ""
    same = replace(rates_of(own), bundled={"one": MeanOf(n, mean)})
    assert prose.difference_from_bundled(same) == "Against the result that comes with the project no mean differs."
    other = replace(rates_of(own), bundled={"one": MeanOf(7, -0.031)})
    assert prose.difference_from_bundled(other).endswith(f"after {n} shocks here and {MINUS}3.1% after 7 there.")
