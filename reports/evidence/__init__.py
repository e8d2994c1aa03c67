"""Was it luck: tests, intervals and corrections, as pure functions of arrays."""
