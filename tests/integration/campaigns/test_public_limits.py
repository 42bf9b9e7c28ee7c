"""Limits of public doors: shared by processes, cheap, and open where Redis is away."""

from __future__ import annotations

import pytest
import redis
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory
from django.test.utils import override_settings

from campaigns import public_limits
from campaigns.public_limits import Limiter, limited
from massmailer.settings import rates

STRANGER = "198.51.100.7"


class Clock:
    now = 1_000_000_000.0

    def __call__(self) -> float:
        return self.now


def waits(limiter: Limiter, n: int, rate: tuple[int, int], key: str = "n") -> list[int]:
    return [limiter.wait_seconds("form", key, rate) for _ in range(n)]


def test_as_many_as_the_limit_pass_and_the_next_is_told_when_to_come_again(redis_client: redis.Redis) -> None:
    clock = Clock()
    limiter = Limiter(clock)
    clock.now += 50
    found = waits(limiter, 12, (10, 3600))
    window_ends_in = 3600 - clock.now % 3600
    assert found == [0] * 10 + [window_ends_in] * 2
    assert waits(limiter, 1, (10, 3600), key="another network") == [0]
    clock.now += window_ends_in
    assert waits(limiter, 1, (10, 3600)) == [0]


def test_processes_count_together(redis_client: redis.Redis) -> None:
    clock = Clock()
    assert waits(Limiter(clock), 10, (10, 3600)) == [0] * 10
    assert waits(Limiter(clock), 1, (10, 3600)) != [0]


def test_most_requests_ask_nobody_and_a_flood_asks_nobody_at_all(redis_client: redis.Redis) -> None:
    limiter = Limiter(Clock())
    redis_client.config_resetstat()
    asked = waits(limiter, 1500, (1000, 3600))
    assert asked.count(0) == 1000
    assert redis_client.info("commandstats")["cmdstat_incrby"]["calls"] == public_limits.PIECES


def test_what_is_kept_in_mind_is_bounded(redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(public_limits, "MAX_COUNTS", 5)
    limiter = Limiter(Clock())
    for n in range(50):
        waits(limiter, 1, (1000, 60), key=str(n))
    assert len(limiter._counts) == 5


def test_without_redis_nobody_is_refused_too_early(redis_client: redis.Redis) -> None:
    waits(Limiter(Clock()), 10, (10, 3600))
    with override_settings(REDIS_URL="redis://127.0.0.1:1/0"):
        assert waits(Limiter(Clock()), 10, (10, 3600)) == [0] * 10


def test_a_view_is_guarded_and_our_own_machine_is_not_counted(redis_client: redis.Redis) -> None:
    @limited("form")
    def view(request: HttpRequest) -> HttpResponse:
        return HttpResponse("ok")

    make = RequestFactory().get
    public_limits.limiter.forget()
    with override_settings(PUBLIC_LIMITS={"form": (2, 3600)}):
        answers = [view(make("/", REMOTE_ADDR=STRANGER)) for _ in range(3)]
        neighbour = view(make("/", REMOTE_ADDR="198.51.100.250"))
        elsewhere = view(make("/", REMOTE_ADDR="10.0.0.1", HTTP_X_FORWARDED_FOR="1.2.3.4, 203.0.113.9"))
        ourselves = [view(make("/")) for _ in range(5)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert 0 < int(answers[2].headers["Retry-After"]) <= 3600
    assert "Nothing has been changed" in answers[2].content.decode()
    assert neighbour.status_code == 429
    assert elsewhere.status_code == 200
    assert {answer.status_code for answer in ourselves} == {200}


def test_limits_are_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIMITS", "form=50/h")
    assert rates("LIMITS", {"form": "20/h", "click": "6000/m"}) == {"form": (50, 3600), "click": (6000, 60)}
    for wrong in ("form=50", "form=0/h", "from=5/h", "form=5/y"):
        monkeypatch.setenv("LIMITS", wrong)
        with pytest.raises(Exception, match="is not a limit"):
            rates("LIMITS", {"form": "20/h"})
