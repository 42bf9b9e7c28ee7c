"""What the services refuse, in words for the person who asked."""

from __future__ import annotations

from collections.abc import Iterable

from campaigns.content import Problem


class CampaignInvalid(ValueError):
    """The campaign cannot be made or sent like this. Show all of `problems`: each names its place and its cure."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class StateConflict(RuntimeError):
    """The campaign's state does not allow this now. The message names the state and what is possible; show it."""
