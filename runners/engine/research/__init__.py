"""What needs many backtests: evidence, multiverse, calibration."""
