"""The first module that the fork server imports: from now on it ends with its parent, and may not take for ever."""

from runners.engine.execution.limits import START_LIMIT, end_with_parent, set_processor_limit

end_with_parent()
set_processor_limit(START_LIMIT)
