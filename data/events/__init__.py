"""Events: what happened, when it was published, and its readings."""
