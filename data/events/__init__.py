"""Events: what happened, when it was published, and which readings belong to it."""
