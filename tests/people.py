"""People and things that tests of the admin's pages need."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import Group, Permission, User
from django.test import Client

from campaigns.models import Campaign, Lead, MailingList, Template

BODY = (
    "<mjml><mj-body><mj-section><mj-column><mj-text>Hello {{ lead.first_name | default: 'there' }}, "
    '<a href="https://shop.example.com/">have a look</a>. <a href="{{ unsubscribe_url }}">Unsubscribe</a></mj-text>'
    "</mj-column></mj-section></mj-body></mjml>"
)


def somebody(role: str = "", *permissions: str, csrf: bool = False) -> Client:
    """The client of a new member of staff: in the group `role`, or with `permissions` ("app.codename")."""
    # no password: hashing one takes longer than most tests
    user = User.objects.create(username=f"staff{User.objects.count()}", email="staff@example.com", is_staff=True)
    if role:
        user.groups.add(Group.objects.get(name=role))
    for permission in permissions:
        app, codename = permission.split(".")
        user.user_permissions.add(Permission.objects.get(content_type__app_label=app, codename=codename))
    client = Client(enforce_csrf_checks=csrf)
    client.force_login(user)
    return client


def boss(*, csrf: bool = False) -> Client:
    """The client of a superuser."""
    client = Client(enforce_csrf_checks=csrf)
    name = f"boss{User.objects.count()}"
    client.force_login(User.objects.create(username=name, email="boss@example.com", is_staff=True, is_superuser=True))
    return client


def a_lead(email: str = "ada@example.com", **fields: Any) -> Lead:
    return Lead.objects.create(email=email, **{"first_name": "Ada", **fields})


def a_list(name: str = "Newsletter", *leads: Lead) -> MailingList:
    mailing_list = MailingList.objects.create(name=name)
    mailing_list.leads.add(*leads)
    return mailing_list


def a_template(**fields: Any) -> Template:
    return Template.objects.create(**{"name": "Plain", "subject": "Hello", "body": BODY, **fields})


def a_campaign(*, state: str = "draft", **fields: Any) -> Campaign:
    """A campaign that could be launched, in `state`."""
    if "mailing_list" not in fields and "segment" not in fields:
        fields["mailing_list"] = MailingList.objects.first() or a_list("Readers", a_lead())
    content = {"name": "Spring", "subject": "Hello {{ lead.first_name }}", "from_email": "news@example.com"}
    campaign = Campaign.objects.create(**{**content, "body": BODY, **fields})
    if state != "draft":
        Campaign.objects.filter(pk=campaign.pk).update(state=state)
        campaign.refresh_from_db()
    return campaign
