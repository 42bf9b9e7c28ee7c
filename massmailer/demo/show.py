"""What the person at the terminal sees: finished steps, and bars that move; plain lines where there is no terminal."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

# without a terminal: a line for each tenth of the way
PLAIN_STEPS = 10

Update = Callable[[int, str], None]


# lines of a log file are not folded where a terminal would
PLAIN_WIDTH = 200


def new_console() -> Console:
    """A console on standard output."""
    console = Console()
    return console if console.is_terminal else Console(width=PLAIN_WIDTH)


class Show:
    """Prints to one console, with the time that each step took."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._since = time.monotonic()

    def step(self, text: str) -> None:
        """One finished step, with the seconds since the last one."""
        now = time.monotonic()
        self.console.print(
            f"[green]✓[/green] {text} [dim]{now - self._since:.1f} s[/dim]", highlight=False, soft_wrap=True
        )
        self._since = now

    def note(self, text: str) -> None:
        """Something to know that is no step."""
        self.console.print(f"  {text}", highlight=False, soft_wrap=True)

    @contextmanager
    def bar(self, title: str, total: int) -> Iterator[Update]:
        """A bar from 0 to `total`: call the value with what is done and a few words."""
        if not self.console.is_terminal:
            yield self._plain(title, total)
            return
        columns = (TextColumn("  {task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
        with Progress(*columns, TextColumn("{task.fields[note]}"), console=self.console, transient=True) as progress:
            task = progress.add_task(title, total=total, note="")
            yield lambda done, note: progress.update(task, completed=done, note=note)

    def _plain(self, title: str, total: int) -> Update:
        shown = -1

        def update(done: int, note: str) -> None:
            nonlocal shown
            tenth = done * PLAIN_STEPS // max(total, 1)
            if tenth > shown:
                shown = tenth
                self.console.print(f"  {title} {done:,} of {total:,} {note}".rstrip(), highlight=False)

        return update
