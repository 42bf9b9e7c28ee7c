"""The groups to begin with: what an administrator took away stays away, what is new comes with an update."""

from __future__ import annotations

import pytest
from django.apps import apps
from django.contrib.auth.models import Group, Permission

from massmailer.roles import grant

pytestmark = pytest.mark.django_db


def codenames(group: Group) -> set[str]:
    return set(group.permissions.filter(content_type__app_label="delivery").values_list("codename", flat=True))


def test_an_update_brings_the_permissions_of_new_models_and_none_that_was_taken_away() -> None:
    operators = Group.objects.get(name="Operators")
    before = codenames(operators)
    assert {"view_alert", "delete_pool"} <= before
    operators.permissions.remove(Permission.objects.get(codename="delete_pool"))
    # as before the version that brought alerts
    Permission.objects.filter(content_type__app_label="delivery", content_type__model="alert").delete()
    grant(apps.get_app_config("delivery"))
    assert codenames(operators) == before - {"delete_pool"}
