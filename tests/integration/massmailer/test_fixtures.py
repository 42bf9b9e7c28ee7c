"""The ground that integration tests stand on."""

from __future__ import annotations

import pytest
import redis
from celery import Celery
from django.conf import settings
from django.core.cache import cache
from django.db import connection


@pytest.mark.django_db
def test_the_database_is_a_tuned_utf8_postgresql_of_this_run() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT current_database(), current_setting('server_encoding'), current_setting('fsync'), "
            "current_setting('synchronous_commit'), current_setting('jit'), current_setting('max_connections')"
        )
        row = cursor.fetchone()
    assert row == ("test_massmailer", "UTF8", "on", "on", "off", "200")
    assert connection.pg_version >= 160_000


@pytest.mark.django_db
def test_text_is_sorted_by_code_point_and_folded_by_unicode() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT lower('ÄÖÉ'), upper('žluť'), 'Z' < 'a'")
        assert cursor.fetchone() == ("äöé", "ŽLUŤ", True)


def test_the_cache_has_a_database_number_of_its_own(redis_client: redis.Redis) -> None:
    redis_client.set("stream", "kept")
    cache.set("page", 1)
    cache.clear()
    assert redis_client.get("stream") == "kept"


def test_valkey_keeps_an_append_only_file_and_evicts_nothing(redis_client: redis.Redis) -> None:
    wanted = {"appendonly": "yes", "appendfsync": "everysec", "maxmemory-policy": "noeviction"}
    assert redis_client.config_get(*wanted) == wanted


def test_celery_reaches_the_embedded_broker(redis_client: redis.Redis) -> None:
    app = Celery(broker=settings.CELERY_BROKER_URL)
    app.send_task("delivery.nothing", queue="control")
    app.close()
    assert redis_client.llen("control") == 1
