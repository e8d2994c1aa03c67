"""Event study: abnormal returns around one date, and tests of whether they are chance.

An event on one date affects many stocks at once, and their residuals are correlated. The plain cross-section t, Patell,
BMP and the sign test assume independent stocks and then reject far too often; they are reported with a warning. The
KP-adjusted BMP test is the one to read, with Corrado's rank test beside it; a single stock or basket has the rank test
and the conformal test.

Returns are simple returns per session, fractions. Days are sessions relative to the event day, which is day 0. Symbols
are those of the literature: T estimation days, L days of a window, N stocks, e residuals of the estimation days.

A number that is not available is NaN in an array and None as a single number, with a one-line `reason`, which is empty
otherwise. Missing data of one stock does not affect the others.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import sqrt

import numpy as np

from data.errors import RequestError

LEAST = 30  # estimation days: with fewer, residuals say more about the fit than about the event
FLAT = 1e-12  # a standard deviation below this share of the root mean square is rounding, not variation
FLAT_REASON = "the residuals do not vary in the estimation window"


# --- windows, models, samples ------------------------------------------------------------


@dataclass(frozen=True)
class EventWindow:
    """Days `first` to `last`, both included, relative to the event day.

    Raises RequestError if it ends before it begins.
    """

    first: int
    last: int

    def __post_init__(self) -> None:
        if self.first > self.last:
            raise RequestError(f"the window {self} ends before it begins; give its first day first")

    def __len__(self) -> int:
        return self.last - self.first + 1

    def __str__(self) -> str:
        days = dict.fromkeys((self.first, self.last))
        return f"[{','.join(f'{day:+d}' if day else '0' for day in days)}]"


WINDOWS = (
    EventWindow(0, 0),
    EventWindow(0, 1),
    EventWindow(-1, 1),
    EventWindow(0, 5),
    EventWindow(0, 10),
    EventWindow(0, 20),
)


@dataclass(frozen=True)
class NormalReturnModel:
    """Normal return a + b R_m: whether the intercept a is estimated (else 0), and the slope b, None if estimated.

    Residuals have T - 1 degrees of freedom, T - 2 if the slope is estimated. The market-adjusted model has T - 1
    although it estimates nothing: its s_i is the deviation of R - R_m from its mean, since around zero a drift against
    the market would count as noise. Its forecasts have no estimation error.
    """

    name: str
    intercept: bool
    beta: float | None

    def degrees_of_freedom(self, days: int) -> int:
        """Degrees of freedom of s_i after `days` estimation days."""
        return days - 1 - (self.beta is None)


MARKET_MODEL = NormalReturnModel("market model", intercept=True, beta=None)
MARKET_ADJUSTED = NormalReturnModel("market-adjusted", intercept=False, beta=1.0)
CONSTANT_MEAN = NormalReturnModel("constant mean", intercept=True, beta=0.0)
MODELS = (MARKET_MODEL, MARKET_ADJUSTED, CONSTANT_MEAN)


@dataclass(frozen=True, eq=False)
class EventSample:
    """Returns of stocks (or of legs) and of the market over the estimation days and the event days.

    `estimation` has shape (n_estimation, n_stocks), `event` (n_event, n_stocks), the market's (n_estimation,) and
    (n_event,); `day` is the row of `event` that is the event day. `net` is the net weight of each column, shape
    (n_stocks,) or (1,): 1 for a stock, the sum of its weights for a leg; it is the slope of the market-adjusted model.
    Values that are not finite are missing. The two windows need not adjoin. Raises ValueError for shapes that do not
    match.
    """

    estimation: np.ndarray = field(repr=False)
    estimation_market: np.ndarray = field(repr=False)
    event: np.ndarray = field(repr=False)
    event_market: np.ndarray = field(repr=False)
    day: int = 0
    net: np.ndarray = field(default_factory=lambda: np.ones(1), repr=False)

    def __post_init__(self) -> None:
        for name in ("estimation", "estimation_market", "event", "event_market", "net"):
            values = np.array(getattr(self, name), dtype=np.float64)
            values.flags.writeable = False
            object.__setattr__(self, name, values)
        if self.estimation.ndim != 2 or 0 in self.estimation.shape:
            raise ValueError(f"Sample.estimation has shape {self.estimation.shape}, expected (n_estimation, n_stocks)")
        days, stocks = self.estimation.shape
        self._expect("estimation_market", (days,))
        self._expect("event", (len(self.event_market), stocks))
        self._expect("event_market", (len(self.event),))
        self._expect("net", (1,), (stocks,))
        if not 0 <= self.day < len(self.event):
            raise ValueError(f"Sample.day is {self.day}, expected a row of event, 0 to {len(self.event) - 1}")

    def _expect(self, name: str, *shapes: tuple[int, ...]) -> None:
        if (shape := getattr(self, name).shape) not in shapes:
            raise ValueError(f"Sample.{name} has shape {shape}, expected {' or '.join(map(str, shapes))}")

    def legs(self, weights: np.ndarray) -> EventSample:
        """A sample of portfolios, rebalanced daily to `weights`, shape (n_stocks, n_legs), on the same days.

        A day of a leg is missing if the return of a stock that it holds is. Raises ValueError for weights of another
        shape and for weights that are not finite.
        """
        weights = np.asarray(weights, dtype=np.float64)
        stocks = self.estimation.shape[1]
        if weights.ndim != 2 or len(weights) != stocks or not np.isfinite(weights).all():
            raise ValueError(f"weights have shape {weights.shape}, expected finite ones of shape ({stocks}, n_legs)")
        return EventSample(
            _portfolio(self.estimation, weights),
            self.estimation_market,
            _portfolio(self.event, weights),
            self.event_market,
            self.day,
            self.net @ weights if len(self.net) == len(weights) else self.net * weights.sum(axis=0),
        )

    def rows(self, window: EventWindow) -> slice:
        """Rows of `event` in `window`. Raises RequestError if the window reaches beyond them."""
        start, stop = self.day + window.first, self.day + window.last + 1
        if start < 0 or stop > len(self.event):
            covered = EventWindow(-self.day, len(self.event) - 1 - self.day)
            raise RequestError(
                f"the window {window} reaches beyond the event days {covered}; shorten it or give more days"
            )
        return slice(start, stop)


def _portfolio(returns: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Returns of portfolios, NaN where a return of a stock that they hold is missing."""
    finite = np.isfinite(returns)
    incomplete: np.ndarray = ~finite @ (weights != 0)
    return np.where(incomplete, np.nan, np.where(finite, returns, 0.0) @ weights)


# --- abnormal returns ---------------------------------------------------------


@dataclass(frozen=True, eq=False)
class EventStudy:
    """A fitted model with its abnormal returns; columns are those of the sample.

    `alpha`, `beta` and `sigma` (s_i, standard deviation of the residuals) have shape (n_stocks,), `residuals` (e_it)
    (n_estimation, n_stocks), `abnormal` (AR) and `standardized` (SAR) (n_event, n_stocks). `reasons` says for each
    column why it is not available, in which case all its numbers are NaN; it is empty for an available one.
    """

    sample: EventSample = field(repr=False)
    model: NormalReturnModel
    alpha: np.ndarray = field(repr=False)
    beta: np.ndarray = field(repr=False)
    sigma: np.ndarray = field(repr=False)
    residuals: np.ndarray = field(repr=False)
    abnormal: np.ndarray = field(repr=False)
    standardized: np.ndarray = field(repr=False)
    reasons: tuple[str, ...]

    @property
    def available(self) -> np.ndarray:
        """Whether each column is available, shape (n_stocks,)."""
        return np.array([not reason for reason in self.reasons])

    @property
    def degrees_of_freedom(self) -> int:
        """Degrees of freedom of s_i in every column."""
        return self.model.degrees_of_freedom(len(self.residuals))


def event_study(sample: EventSample, model: NormalReturnModel = MARKET_MODEL) -> EventStudy:
    """Abnormal returns of every column of `sample` beyond `model`, fitted by least squares on the estimation days.

    AR_it = R_it - a_i - b_i R_mt, SAR_it = AR_it / (s_i sqrt(one-day variance factor)), see `variance_factor`. A column
    is not available if one of its returns is missing or its residuals do not vary; no column is available with fewer
    than `LEAST` estimation days, or if the model needs the market and it is missing on a day or constant. Brown &
    Warner 1985, JFE 14:3; Patell 1976, JAR 14:246.
    """
    reasons = _reasons(sample, model)
    returns = np.where([not reason for reason in reasons], sample.estimation, np.nan)
    market, event_market = (
        _market_returns(values, model) for values in (sample.estimation_market, sample.event_market)
    )
    alpha, beta, residuals = _fit(returns, market, model, sample.net)
    sigma = _deviation(residuals, model.degrees_of_freedom(len(returns)))
    flat = sigma <= FLAT * np.sqrt(np.mean(returns**2, axis=0))
    unusable = flat | np.isnan(sigma)
    alpha, beta, sigma, residuals = (np.where(unusable, np.nan, values) for values in (alpha, beta, sigma, residuals))
    abnormal = sample.event - alpha - np.outer(event_market, beta)
    errors = np.sqrt(variance_factor(model, market, event_market[:, None]))[:, None] * sigma
    reasons = [FLAT_REASON if constant else reason for reason, constant in zip(reasons, flat, strict=True)]
    return EventStudy(sample, model, alpha, beta, sigma, residuals, abnormal, abnormal / errors, tuple(reasons))


def variance_factor(model: NormalReturnModel, market: np.ndarray, window: np.ndarray) -> np.ndarray:
    """Variance of the abnormal return cumulated over a window, in units of s_i^2, for each row of `window`.

    L + L^2/T + (sum(R_m,tau - mean))^2 / sum(R_mt - mean)^2: noise of the days, error of the intercept, error of the
    slope; a parameter that is not estimated has no error. `market` are the market's returns on the T
    estimation days, `window` those on L days, shape (n_windows, L); the result has shape (n_windows,), NaN for a
    constant market. Campbell, Lo & MacKinlay 1997, eq. 4.4.11.
    """
    length, deviation = window.shape[1], market - market.mean()
    factor = np.full(len(window), float(length))
    if model.intercept:
        factor += length**2 / len(market)
    if model.beta is None:
        factor += np.sum(window - market.mean(), axis=1) ** 2 / _positive(deviation @ deviation)
    return factor


def _fit(
    returns: np.ndarray, market: np.ndarray, model: NormalReturnModel, net: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Intercept, slope and residuals of every column; what the model estimates is fitted by least squares."""
    deviation, stocks = market - market.mean(), returns.shape[1]
    if model.beta is None:
        beta = deviation @ returns / _positive(deviation @ deviation)
    else:
        beta = np.broadcast_to(model.beta * net, (stocks,))
    alpha = returns.mean(axis=0) - beta * market.mean() if model.intercept else np.zeros(stocks)
    return alpha, beta, returns - alpha - np.outer(market, beta)


def _deviation(residuals: np.ndarray, degrees_of_freedom: int) -> np.ndarray:
    """s_i: the standard deviation of the residuals, shape (n_stocks,)."""
    squares = np.sum((residuals - residuals.mean(axis=0)) ** 2, axis=0)
    return np.asarray(np.sqrt(squares / max(degrees_of_freedom, 1)))


def _positive(value: float) -> float:
    return float(value) if value > 0 else float("nan")


def _market_returns(market: np.ndarray, model: NormalReturnModel) -> np.ndarray:
    """Returns of the market, NaN where missing; zeros for a model that does not use them."""
    return np.zeros(len(market)) if model.beta == 0 else np.where(np.isfinite(market), market, np.nan)


def _reasons(sample: EventSample, model: NormalReturnModel) -> list[str]:
    """Why each column cannot be fitted; empty if it can."""
    stocks = sample.estimation.shape[1]
    if reason := _common_reason(sample, model):
        return [reason] * stocks
    reasons = [""] * stocks
    for window, returns in (("event", sample.event), ("estimation", sample.estimation)):
        for column, missing in enumerate(np.sum(~np.isfinite(returns), axis=0)):
            if missing:
                reasons[column] = f"{missing} of {len(returns)} returns in the {window} window are missing"
    return reasons


def _common_reason(sample: EventSample, model: NormalReturnModel) -> str:
    days, market = len(sample.estimation), sample.estimation_market
    if days < LEAST:
        return f"{LEAST} estimation days are needed, {days} given"
    if model.beta != 0 and (missing := int(np.sum(~np.isfinite(np.concatenate((market, sample.event_market)))))):
        return f"{missing} returns of the market are missing"
    if model.beta is None and _constant(market):
        return "the market is constant in the estimation window"
    return ""


def _constant(values: np.ndarray) -> bool:
    """Whether some column varies by no more than rounding."""
    return bool(np.any(np.std(values, axis=0) <= FLAT * np.sqrt(np.mean(values**2, axis=0))))


# --- cumulative returns ---------------------------------------------------------


@dataclass(frozen=True, eq=False)
class CumulativeReturns:
    """Cumulative abnormal returns over a window.

    `car`, `scar` (CAR over its standard error) and `standard_error` are those of the whole window, shape (n_stocks,);
    `path`, `low` and `high` are the CAR up to each day and its confidence band, shape (L, n_stocks). NaN for a column
    that is not available; `reasons` are those of the study.
    """

    window: EventWindow
    car: np.ndarray = field(repr=False)
    scar: np.ndarray = field(repr=False)
    standard_error: np.ndarray = field(repr=False)
    path: np.ndarray = field(repr=False)
    low: np.ndarray = field(repr=False)
    high: np.ndarray = field(repr=False)
    reasons: tuple[str, ...]


def cumulative_returns(study: EventStudy, window: EventWindow, confidence: float = 0.95) -> CumulativeReturns:
    """CAR of every column over `window`, standardised, with its path and band.

    The standard error is s_i sqrt(variance factor); the band is CAR +- t quantile x standard error, for each day
    separately, and assumes that the event did not change the variance. Raises RequestError if the window reaches beyond
    the event days or the confidence is not between 0 and 1.
    """
    from scipy.special import stdtrit

    if not 0 < confidence < 1:
        raise RequestError(f"the confidence is {confidence}; give a number between 0 and 1, such as 0.95")
    rows = study.sample.rows(window)
    path = np.cumsum(study.abnormal[rows], axis=0)
    errors = np.sqrt(_path_factors(study, rows))[:, None] * study.sigma
    half = float(stdtrit(max(study.degrees_of_freedom, 1), (1 + confidence) / 2)) * errors
    return CumulativeReturns(
        window, path[-1], path[-1] / errors[-1], errors[-1], path, path - half, path + half, study.reasons
    )


def _path_factors(study: EventStudy, rows: slice) -> np.ndarray:
    """Variance factors of the windows from the first of `rows` to each of them, shape (L,)."""
    market = _market_returns(study.sample.estimation_market, study.model)
    days = _market_returns(study.sample.event_market, study.model)[rows]
    return np.array([variance_factor(study.model, market, days[None, :end])[0] for end in range(1, len(days) + 1)])


# --- tests across stocks ------------------------------------------------------


@dataclass(frozen=True)
class Significance:
    """A statistic and its two-sided p over `n` observations; None if not available, and `reason` says why."""

    statistic: float | None
    p: float | None
    n: int
    reason: str = ""


@dataclass(frozen=True)
class CrossSectionTests:
    """Tests across the available stocks of a study over one window.

    `correlation` is the mean pairwise correlation of their residuals; None below two stocks.
    """

    window: EventWindow
    cross_section: Significance
    patell: Significance
    bmp: Significance
    kolari_pynnonen: Significance
    corrado: Significance
    generalized_sign: Significance
    correlation: float | None


def cross_section_tests(study: EventStudy, window: EventWindow) -> CrossSectionTests:
    """All tests of no mean abnormal return over `window`, across the available columns.

    Over several days Patell and BMP take SCAR = CAR / (s_i sqrt(variance factor)), which includes the estimation error
    that the days share, not the sum of SAR over sqrt(L). Raises RequestError if the window reaches beyond the event
    days.
    """
    available, cumulated = study.available, cumulative_returns(study, window)
    residuals, abnormal = study.residuals[:, available], study.abnormal[study.sample.rows(window)][:, available]
    car, scar = cumulated.car[available], cumulated.scar[available]
    return CrossSectionTests(
        window=window,
        cross_section=cross_section_t(car),
        patell=patell_test(scar, study.degrees_of_freedom),
        bmp=bmp_test(scar),
        kolari_pynnonen=kolari_pynnonen_test(scar, residuals),
        corrado=corrado_test(residuals, abnormal),
        generalized_sign=generalized_sign_test(residuals, car),
        correlation=mean_correlation(residuals),
    )


def cross_section_t(car: np.ndarray) -> Significance:
    """Plain t test: sqrt(N) mean(CAR) / sd(CAR), N - 1 degrees of freedom. `car` has shape (n_stocks,).

    p is too small if stocks are correlated (Brown & Warner 1985, JFE 14:3). Not available below two stocks, or if
    values are not finite or all equal.
    """
    if reason := _unfit(car, least=2) or ("all stocks are equal" if _constant(car) else ""):
        return Significance(None, None, len(car), reason)
    statistic = sqrt(len(car)) * float(np.mean(car) / np.std(car, ddof=1))
    return Significance(statistic, _two_sided_t(statistic, len(car) - 1), len(car))


def patell_test(scar: np.ndarray, degrees_of_freedom: int) -> Significance:
    """Patell 1976, JAR 14:246: sum SCAR / sqrt(N v/(v-2)), standard normal. `scar` has shape (n_stocks,).

    v are the degrees of freedom of s_i, T - 2 for the market model, whence the (T-2)/(T-4) of the paper. p is too
    small if stocks are correlated or the event raises the variance. Not available without stocks or if a value is not
    finite.
    """
    if reason := _unfit(scar) or ("3 degrees of freedom are needed" if degrees_of_freedom < 3 else ""):
        return Significance(None, None, len(scar), reason)
    variance = len(scar) * degrees_of_freedom / (degrees_of_freedom - 2)
    return _normal(float(np.sum(scar)) / sqrt(variance), len(scar))


def bmp_test(scar: np.ndarray) -> Significance:
    """Boehmer, Musumeci & Poulsen 1991, JFE 30:253: sqrt(N) mean(SCAR) / sd(SCAR), N - 1 degrees of freedom.

    Valid if the event raises the variance; p is too small if stocks are correlated. `scar` has shape (n_stocks,). Not
    available if the plain t is not.
    """
    return cross_section_t(scar)


def kolari_pynnonen_test(scar: np.ndarray, residuals: np.ndarray) -> Significance:
    """Kolari & Pynnonen 2010, RFS 23:3996: BMP sqrt((1 - r)/(1 + (N-1) r)), N - 1 degrees of freedom.

    r is the `mean_correlation` of `residuals`, shape (n_estimation, n_stocks), `scar` has shape (n_stocks,). Not
    available if BMP or r is not, or if the root is not positive: stocks that are identical, or that cancel out.
    """
    plain, r, stocks = bmp_test(scar), mean_correlation(residuals), len(scar)
    if plain.statistic is None:
        return plain
    if r is None:
        return Significance(None, None, stocks, "residuals are constant or not finite")
    if min(1 - r, 1 + (stocks - 1) * r) <= FLAT:
        return Significance(None, None, stocks, f"the residuals have a mean correlation of {r:.6g}")
    statistic = plain.statistic * sqrt((1 - r) / (1 + (stocks - 1) * r))
    return Significance(statistic, _two_sided_t(statistic, stocks - 1), stocks)


def mean_correlation(residuals: np.ndarray) -> float | None:
    """Mean correlation over the N(N-1)/2 pairs of columns of `residuals`, shape (n_estimation, n_stocks).

    None below two stocks, or if a column is constant or has a value that is not finite.
    """
    stocks = residuals.shape[1]
    if _unfit(residuals, least=2) or _constant(residuals):
        return None
    # The variance of a sum of standardised columns is the sum of all their correlations.
    scaled = (residuals - residuals.mean(axis=0)) / residuals.std(axis=0)
    return float((np.var(scaled.sum(axis=1)) - stocks) / (stocks * (stocks - 1)))


def corrado_test(residuals: np.ndarray, abnormal: np.ndarray) -> Significance:
    """Corrado 1989, JFE 23:385: mean rank on the event day against its expectation, standard normal.

    K_it is the rank of a day of one stock among the M = T + L days of `residuals`, shape (T, n_stocks), and `abnormal`,
    shape (L, n_stocks); k_t = mean_i K_it - (M+1)/2, S^2 = mean_t k_t^2 over all M, which allows for correlated stocks.
    The statistic is sum k_t / (S sqrt(L (M-L)/(M-1))) over the window, Corrado's k_0 / S for one day. Over several, the
    usual divisor S sqrt(L) (Cowan 1992, RQFA 2:343) is too large: ranks are drawn without replacement, so their sum
    varies less. Ties share their mean rank. With one stock and one day k_0 / S stays below sqrt(3), and p above .08.
    Not available without stocks, or if a value is not finite or the mean rank is the same on all days.
    """
    from scipy.stats import rankdata

    days, stocks = np.concatenate((residuals, abnormal)), residuals.shape[1]
    if reason := _unfit(days):
        return Significance(None, None, stocks, reason)
    total, length = len(days), len(abnormal)
    ranks = np.mean(rankdata(days, axis=0), axis=1) - (total + 1) / 2
    spread = sqrt(float(np.mean(ranks**2)) * length * (total - length) / (total - 1))
    if spread <= FLAT * total:
        return Significance(None, None, stocks, "the mean rank is the same on all days")
    return _normal(float(np.sum(ranks[-length:])) / spread, stocks)


def generalized_sign_test(residuals: np.ndarray, car: np.ndarray) -> Significance:
    """Cowan 1992, RQFA 2:343: (w - N p) / sqrt(N p (1-p)), standard normal.

    w is the number of positive CAR, `car` of shape (n_stocks,), p the share of positive `residuals`, shape
    (n_estimation, n_stocks). p is too small if stocks are correlated. Not available without stocks, or if a
    value is not finite or all residuals have the same sign.
    """
    stocks = len(car)
    if reason := _unfit(car) or _unfit(residuals):
        return Significance(None, None, stocks, reason)
    share = float(np.mean(residuals > 0))
    if not 0 < share < 1:
        return Significance(None, None, stocks, "all residuals have the same sign")
    return _normal((float(np.sum(car > 0)) - stocks * share) / sqrt(stocks * share * (1 - share)), stocks)


def _unfit(values: np.ndarray, least: int = 1) -> str:
    """Why `values`, shape (..., n_stocks), cannot be tested; empty if they can."""
    stocks = values.shape[-1]
    if stocks < least:
        return f"{least} available stocks are needed, {stocks} given"
    return "" if np.isfinite(values).all() else "a value is not finite"


def _normal(statistic: float, stocks: int) -> Significance:
    from scipy.special import ndtr

    return Significance(statistic, 2 * float(ndtr(-abs(statistic))), stocks)


def _two_sided_t(statistic: float, degrees_of_freedom: int) -> float:
    from scipy.special import stdtr

    return 2 * float(stdtr(degrees_of_freedom, -abs(statistic)))


# --- one stock or basket ------------------------------------------------------


@dataclass(frozen=True)
class RankTest:
    """The abnormal return of one day among `n` residuals: `p` two-sided, `lower` for a fall, `upper` for a rise.

    All are None if not available, and `reason` says why. No p is below 1/(n + 1).
    """

    abnormal: float | None
    p: float | None
    lower: float | None
    upper: float | None
    n: int
    reason: str = ""


def rank_tests(study: EventStudy, day: int = 0) -> tuple[RankTest, ...]:
    """The rank test of every column on one day, relative to the event day.

    Raises RequestError if it is not among the event days.
    """
    abnormal = study.abnormal[study.sample.rows(EventWindow(day, day))][0]
    columns = zip(study.residuals.T, abnormal, study.reasons, strict=True)
    return tuple(
        RankTest(None, None, None, None, len(residuals), reason) if reason else rank_test(residuals, float(value))
        for residuals, value, reason in columns
    )


def rank_test(residuals: np.ndarray, abnormal: float) -> RankTest:
    """Gelbach, Helland & Klick 2013, ALER 15:495: rank of e_0 among the T `residuals` of the estimation days.

    Two-sided p = (1 + #{|e_t| >= |e_0|})/(T + 1); one-sided with e_t <= e_0 (a fall) or e_t >= e_0 (a rise). Needs
    neither normality nor a second stock. In-sample residuals are compared with a forecast error, so that p is right for
    large T only; `conformal_tests` fits all days together. Not available if a value is not finite.
    """
    days = len(residuals)
    if not days or not np.isfinite(residuals).all() or not np.isfinite(abnormal):
        return RankTest(None, None, None, None, days, "a value is not finite" if days else "there are no residuals")
    return RankTest(
        abnormal=abnormal,
        p=(1 + int(np.sum(np.abs(residuals) >= abs(abnormal)))) / (days + 1),
        lower=(1 + int(np.sum(residuals <= abnormal))) / (days + 1),
        upper=(1 + int(np.sum(residuals >= abnormal))) / (days + 1),
        n=days,
    )


def conformal_tests(study: EventStudy, window: EventWindow, order: float = 1) -> tuple[Significance, ...]:
    """The conformal test of no effect on any day of `window`, for every column.

    The model is fitted again under the null, on the T estimation days and the L days of the window together; days
    between the two are left out. `n` is the number of permutations, T + L. To test another effect than zero, subtract
    it from the returns of the event first. Raises RequestError if the window reaches beyond the event days.
    """
    sample, rows = study.sample, study.sample.rows(window)
    returns = np.concatenate((sample.estimation, sample.event[rows]))
    returns = np.where(study.available, returns, np.nan)
    market = _market_returns(np.concatenate((sample.estimation_market, sample.event_market[rows])), study.model)
    _, _, residuals = _fit(returns, market, study.model, sample.net)
    return tuple(
        Significance(None, None, len(returns), reason) if reason else conformal_test(column, len(window), order)
        for column, reason in zip(residuals.T, study.reasons, strict=True)
    )


def conformal_test(residuals: np.ndarray, length: int, order: float = 1) -> Significance:
    """Chernozhukov, Wuthrich & Zhu 2021, JASA 116:1849: moving-block permutations of the residuals under the null.

    S_q = (sum |u_t|^q / sqrt(L))^(1/q) over the last `length` of the M `residuals`, shape (M,); p is the share of the M
    cyclic shifts, the identity among them, with an S_q at least as large. Exact for exchangeable residuals, nearly so
    for dependent ones; no p is below 1/M. `order` is q: 1 for an effect that lasts, larger for one that is short. Not
    available if a value is not finite. Raises ValueError for a length that is not within 1 and M - 1 or an order below
    1.
    """
    total = len(residuals)
    if not 1 <= length < total or not 1 <= order < np.inf:
        raise ValueError(f"a length of {length} and an order of {order}; give 1 to {total - 1}, and 1 or more")
    if not np.isfinite(residuals).all():
        return Significance(None, None, total, "a value is not finite")
    powers = np.abs(residuals) ** order
    blocks = np.lib.stride_tricks.sliding_window_view(np.concatenate((powers, powers[: length - 1])), length)
    sums = blocks.sum(axis=1)
    # Block t begins on day t and wraps around the end; the window itself begins `length` days before the end.
    observed = sums[total - length]
    return Significance(float((observed / sqrt(length)) ** (1 / order)), float(np.mean(sums >= observed)), total)
