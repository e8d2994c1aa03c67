"""Options that commands share, and the command line that repeats a run."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from data.events.event import Event
    from runners.engine.request import PriceWindow, Request

DIGITS = 18  # of a number of sessions; a request takes fewer still


class HoldType(click.ParamType["int | None"]):
    """A number of sessions, or `end`."""

    name = "N|end"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int | None:
        text = str(value)
        if text == "end":
            return None
        if not text.isdecimal() or len(text) > DIGITS or int(text) < 1:
            self.fail(f"{text!r} is no hold; give a number of sessions, 1 or more, or 'end'", param, ctx)
        return int(text)


EVENT = click.option(
    "--event", default="deepseek", metavar="NAME|FILE.toml", help="deepseek, tariffs or a file of yours.  [deepseek]"
)


def symbol_list(text: str) -> tuple[str, ...]:
    """Symbols separated by commas."""
    return tuple(filter(None, text.split(",")))


def event_option(event: Event) -> str | None:
    """The event as --event names it, None for the default event."""
    from data.events.catalog import DEFAULT

    return None if event.name == event.origin == DEFAULT else event.origin or event.name


def command_line(module: str, words: Sequence[str], options: Mapping[str, object], flags: Sequence[str] = ()) -> str:
    """A command line with the words first, then the options that are not None, then the flags."""
    given = [f"{name}={value}" for name, value in options.items() if value is not None]
    return shlex.join(["python", "-m", f"runners.{module}", *words, *given, *flags])


def run_command_line(request: Request, window: PriceWindow) -> str:
    """The command that gives a run again; the place of its folder and the number of jobs change nothing."""
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
