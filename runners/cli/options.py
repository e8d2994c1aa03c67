"""Options shared by commands, and the command line that repeats a run."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import click

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
    }
    return command_line("deepseek", request.readings, options, () if request.evidence else ("--no-evidence",))
