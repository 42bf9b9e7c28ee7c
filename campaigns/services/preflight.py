"""What would go wrong with a campaign, before it is sent."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

from campaigns.content import Problem, check_content
from campaigns.content.scan import scan
from campaigns.models import Campaign
from campaigns.segments import CountTimedOut
from campaigns.services.audience import audience_is_empty
from campaigns.services.errors import CampaignInvalid
from campaigns.services.headers import UNSTORABLE, check_headers
from campaigns.services.pace import Pace, check_pace
from campaigns.services.preview import known_attributes, source_of

Check = Callable[[Campaign], Iterable[Problem]]
_checks: list[Check] = []


def register_check(check: Check) -> None:
    """Add a check to preflight; layers above call this in AppConfig.ready(). Adding one twice is harmless."""
    if check not in _checks:
        _checks.append(check)


def preflight(campaign: Campaign) -> list[Problem]:
    """Everything to put right (errors) or to look at (warnings) before sending, errors first. Asks the database."""
    problems = written_problems(campaign)
    for check in _checks:
        problems += check(campaign)
    problems += _check_feed(campaign)
    return errors_first(problems)


def written_problems(campaign: Campaign) -> list[Problem]:
    """The part of preflight that needs no saved campaign: headers, pace, content, audience. Errors first."""
    found = [*check_headers(campaign), *check_pace(Pace.of(campaign)), *_check_content(campaign)]
    return errors_first([*found, *_check_audience(campaign)])


def errors_first(problems: Iterable[Problem]) -> list[Problem]:
    return sorted(problems, key=lambda problem: not problem.is_error)


def _check_content(campaign: Campaign) -> Iterator[Problem]:
    written = (campaign.subject, campaign.preheader, campaign.body, campaign.text)
    if any(UNSTORABLE.search(part) for part in written):
        return  # check_headers says so, and the compilers would stumble over it
    for problem in check_content(source_of(campaign), attributes=known_attributes()):
        if problem.code != "subject-line-break":  # check_headers says so
            yield problem


def _check_audience(campaign: Campaign) -> Iterator[Problem]:
    if campaign.segment is not None and campaign.mailing_list is not None:
        yield Problem("error", "two-audiences", "choose a segment or a list, not both", "audience")
        return
    try:
        if audience_is_empty(campaign):
            message = "nobody is in it now; the campaign would be over at once"
            yield Problem("warning", "empty-audience", message, "audience")
    except CampaignInvalid as error:
        yield from error.problems
    except CountTimedOut:
        message = "it takes long to work out, so nobody has checked that it is not empty; it can be sent all the same"
        yield Problem("warning", "slow-audience", message, "audience")


def _check_feed(campaign: Campaign) -> Iterator[Problem]:
    written = (campaign.subject, campaign.preheader, campaign.body, campaign.text)
    uses_feed = any(re.search(r"\bfeed\b", one.text) for part in written for one in scan(part) if one.kind != "comment")
    if uses_feed and not (campaign.pk and campaign.feed_entries.exists()):
        message = "the content uses {{ feed }}, but no feed is loaded: those places will be empty"
        yield Problem("warning", "no-feed", message, "campaign")
