"""The factor model from which the bundled sample and the null markets are drawn.

Volatilities are rough estimates from the pinned closes, 2022 to April 2026. Loadings, set by kind of asset, give the
usual correlations of the period: chips with each other .6, semiconductor funds .97, SPY and technology funds with QQQ
.95, bonds with stocks near 0. Turnover is right in order of magnitude only.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from data.synthetic.simulator import MarketModel

FACTORS = ("market", "chips", "software", "value", "rates", "china")

# Correlation of each kind of asset with the FACTORS, in their order.
LOADINGS = {
    "chips": (0.62, 0.48, 0.00, 0.00, 0.00, 0.00),
    "hardware": (0.57, 0.33, 0.00, 0.00, 0.00, 0.00),
    "platform": (0.66, 0.10, 0.12, 0.00, 0.00, 0.00),
    "software": (0.56, 0.00, 0.46, 0.00, 0.00, 0.00),
    "chip fund": (0.80, 0.57, 0.00, 0.00, 0.00, 0.00),
    "software fund": (0.80, 0.10, 0.53, 0.00, 0.00, 0.00),
    "market": (0.98, 0.08, 0.08, 0.05, 0.00, 0.00),
    "growth": (0.93, 0.22, 0.20, -0.05, 0.00, 0.00),
    "small": (0.84, 0.00, 0.00, 0.25, 0.00, 0.00),
    "financials": (0.78, 0.00, 0.00, 0.40, 0.00, 0.00),
    "utilities": (0.40, 0.00, 0.00, 0.50, 0.30, 0.00),
    "property": (0.62, 0.00, 0.00, 0.45, 0.33, 0.00),
    "long bonds": (0.08, 0.00, 0.00, 0.00, 0.93, 0.00),
    "bonds": (0.08, 0.00, 0.00, 0.00, 0.97, 0.00),
    "short bonds": (0.08, 0.00, 0.00, 0.00, 0.82, 0.00),
    "bills": (0.00, 0.00, 0.00, 0.00, 0.00, 0.00),
    "china fund": (0.42, 0.00, 0.00, 0.00, 0.00, 0.87),
    "china": (0.38, 0.00, 0.00, 0.00, 0.00, 0.80),
    "technology fund": (0.88, 0.32, 0.25, -0.05, 0.00, 0.00),
    "equal technology fund": (0.87, 0.31, 0.31, 0.00, 0.00, 0.00),
}

# Kind, annual volatility, turnover in billions of USD a day.
ASSETS = {
    "NVDA": ("chips", 0.50, 25.0),
    "AMD": ("chips", 0.60, 7.0),
    "INTC": ("hardware", 0.60, 1.5),
    "QCOM": ("chips", 0.40, 1.2),
    "MRVL": ("chips", 0.60, 0.8),
    "ARM": ("chips", 0.70, 0.7),
    "AVGO": ("chips", 0.45, 3.0),
    "TSM": ("chips", 0.40, 1.7),
    "MU": ("chips", 0.60, 1.6),
    "ANET": ("hardware", 0.45, 0.5),
    "VRT": ("hardware", 0.65, 0.4),
    "MSFT": ("platform", 0.25, 8.0),
    "GOOGL": ("platform", 0.35, 4.0),
    "META": ("platform", 0.40, 6.5),
    "AMZN": ("platform", 0.35, 7.5),
    "ORCL": ("platform", 0.40, 1.0),
    "PLTR": ("software", 0.70, 1.2),
    "CRM": ("software", 0.35, 1.4),
    "NOW": ("software", 0.40, 0.9),
    "SNOW": ("software", 0.55, 0.9),
    "ADBE": ("software", 0.35, 1.3),
    "DDOG": ("software", 0.50, 0.5),
    "MDB": ("software", 0.65, 0.4),
    "WDAY": ("software", 0.40, 0.5),
    "PANW": ("software", 0.40, 0.9),
    "CRWD": ("software", 0.50, 0.9),
    "SPY": ("market", 0.18, 36.0),
    "QQQ": ("growth", 0.23, 19.0),
    "SMH": ("chip fund", 0.36, 1.5),
    "IGV": ("software fund", 0.28, 0.4),
    "IWM": ("small", 0.23, 6.0),
    "TLT": ("long bonds", 0.15, 3.0),
    "IEF": ("bonds", 0.08, 0.7),
    "SHY": ("short bonds", 0.02, 0.4),
    # Its interest is in the adjusted close.
    "BIL": ("bills", 0.001, 0.6),
    "VNQ": ("property", 0.20, 0.4),
    "SOXX": ("chip fund", 0.38, 0.6),
    "XLU": ("utilities", 0.18, 0.9),
    "XLF": ("financials", 0.20, 1.7),
    "KWEB": ("china fund", 0.40, 0.6),
    "FXI": ("china fund", 0.30, 1.0),
    "BABA": ("china", 0.50, 1.6),
    "QTEC": ("equal technology fund", 0.28, 0.02),
    "XLK": ("technology fund", 0.26, 1.2),
    "AAPL": ("platform", 0.27, 11.0),
}


@cache
def sample_model(symbols: tuple[str, ...] = tuple(ASSETS)) -> MarketModel:
    """The model of some of the ASSETS, by default of all in their order."""
    kinds, volatility, billions = zip(*(ASSETS[symbol] for symbol in symbols), strict=True)
    return MarketModel(
        symbols, np.array(volatility), np.array([LOADINGS[kind] for kind in kinds]), np.array(billions) * 1e9
    )
