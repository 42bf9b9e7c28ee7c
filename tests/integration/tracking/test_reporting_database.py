"""REPORTING_DATABASE_URL: reports are read from there, and nothing of them from the database that sends."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext

from tests.integration.tracking.conftest import forget_partitioned_rows
from tests.integration.tracking.test_report_pages import build_house, files, pages
from tests.people import boss
from tracking.reports import database


@pytest.fixture(scope="module", autouse=True)
def replica(django_db_setup: None) -> Iterator[None]:
    """A second alias with connections of its own, as the setting makes one."""
    connections.databases[database.ALIAS] = dict(connection.settings_dict)
    yield
    connections[database.ALIAS].close()
    del connections.databases[database.ALIAS]
    del connections[database.ALIAS]


@pytest.mark.django_db(transaction=True, databases=["default", "reporting"])
def test_reports_are_read_from_the_reporting_database_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    # the sidebar of every page counts the dead letters that wait
    monkeypatch.setattr("delivery.admin.dead_list.badge", lambda _request: "")
    house = build_house()
    client = boss()
    for name, address in {**pages(house), **files(house)}.items():
        with (
            CaptureQueriesContext(connection) as on_primary,
            CaptureQueriesContext(connections[database.ALIAS]) as on_replica,
        ):
            response = client.get(address)
            assert b"".join(response), name
        assert foreign(on_primary) == [], name
        assert len(on_replica) > 0, name
    forget_partitioned_rows()


def foreign(queries: CaptureQueriesContext) -> list[str]:
    """Statements that are about neither the session nor the person's rights, nor what the sidebar offers them."""
    known = ("django_session", "auth_", "django_content_type", 'SELECT "delivery_retrypolicy"."stream"')
    return [query["sql"] for query in queries if not any(word in query["sql"] for word in known)]
