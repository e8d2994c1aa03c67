"""Options shared by commands, and the command line that repeats a run."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import click

from data.errors import RequestError

if TYPE_CHECKING:
    from data.events.event import Event
    from runners.engine.request import PriceWindow, Request

MAX_DIGITS = 18  # of a number of sessions; a request accepts fewer still


class HoldType(click.ParamType["int | None"]):
    """A number of sessions, or `end`."""

    name = "N|end"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int | None:
        text = str(value)
        if text == "end":
            return None
        if not text.isdecimal() or len(text) > MAX_DIGITS or int(text) < 1:
            self.fail(f"{text!r} is not a holding period; give a number of sessions, 1 or more, or 'end'", param, ctx)
        return int(text)


EVENT = click.option(
    "--event", default="deepseek", metavar="NAME|FILE.toml", help="Bundled event or your own file.  [deepseek]"
)


HISTORY = click.option("--history", type=int, metavar="N", help="Closes of a plain bt.Strategy at its first decision.")
WARM_UP = click.option(
    "--warm-up",
    type=click.Choice(["indicators", "all"]),
    default="indicators",
    help="Warm up a plain bt.Strategy's indicators, or call it on all bars.  [indicators]",
)


FORESIGHT_CHECK = click.option(
    "--foresight-check/--no-foresight-check",
    default=True,
    help="Run a plain bt.Strategy again with the future hidden.  [on]",
)


def history_of(history: int | None, warm_up: str) -> int | None:
    """The closes that a strategy has at its first decision, None for all. Raises RequestError for both options."""
    if warm_up != "all":
        return history or 1
    if history is not None:
        raise RequestError("--history limits what --warm-up all gives; give one of them")
    return None


def warm_up_options(history: int | None) -> dict[str, object]:
    """The options from which `history_of` gives `history`."""
    return {"--history": history if history and history > 1 else None, "--warm-up": None if history else "all"}


def no_flags(**settings: bool) -> list[str]:
    """The flags that turn off the settings that are off, such as --no-evidence."""
    return [f"--no-{name.replace('_', '-')}" for name, is_on in settings.items() if not is_on]


def symbol_list(text: str) -> tuple[str, ...]:
    """Split symbols separated by commas."""
    return tuple(filter(None, text.split(",")))


def event_option(event: Event) -> str | None:
    """The value of --event for an event, None for the default."""
    from data.events.catalog import DEFAULT

    return None if event.name == event.origin == DEFAULT else event.origin or event.name


def command_line(
    module: str, arguments: Sequence[str], options: Mapping[str, object], flags: Sequence[str] = ()
) -> str:
    """A command line: arguments, then options that are not None, then flags."""
    given = [f"{name}={value}" for name, value in options.items() if value is not None]
    return shlex.join(["python", "-m", f"runners.{module}", *arguments, *given, *flags])


def run_command_line(request: Request, window: PriceWindow) -> str:
    """The command that repeats a run, without --out and --jobs, which do not affect results."""
    options = {
        "--event": event_option(request.event),
        "--source": window.source,
        "--start": window.start,
        "--end": window.end,
        "--entry": request.entry,
        "--hold": request.hold or "end",
        "--rebalance": request.rebalance,
        "--benchmark": request.benchmark,
        "--symbols": ",".join(request.symbols) or None,
        **warm_up_options(request.history),
    }
    flags = no_flags(evidence=request.evidence, foresight_check=request.foresight_check)
    return command_line("deepseek", request.readings, options, flags)
