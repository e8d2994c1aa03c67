"""The last module that the fork server imports: nothing more is limited."""

from runners.engine.execution.limits import set_processor_limit

set_processor_limit(0)
