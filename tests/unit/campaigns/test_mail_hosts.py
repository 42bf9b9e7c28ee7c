"""Mail servers and the mailbox groups that they stand for."""

from __future__ import annotations

import pytest

from campaigns.addresses import MAILBOX_GROUPS
from campaigns.mail_hosts import HOSTS_BY_GROUP, group_of_host, group_of_hosts

HOSTS = [
    ("aspmx.l.google.com", "gmail"),
    ("ASPMX2.GOOGLEMAIL.COM.", "gmail"),
    ("smtp.google.com", "gmail"),
    ("contoso-com.mail.protection.outlook.com", "microsoft"),
    ("contoso-com.a-v1.mx.microsoft", "microsoft"),
    ("mta7.am0.yahoodns.net", "yahoo"),
    ("mx01.mail.icloud.com", "apple"),
    ("mx1.emailsrvr.com", "rackspace"),
    ("eu-smtp-inbound-1.mimecast.com", "mimecast"),
    ("mxa-00123.gslb.pphosted.com", "proofpoint"),
    ("mx.zoho.eu", "zoho"),
    ("mx00.kundenserver.de", "ionos"),
    ("mail.protonmail.ch", "proton"),
    ("mail.contoso.com", "other"),
    # no more than a likeness
    ("notgoogle.com", "other"),
    ("google.com.evil.example", "other"),
    ("com", "other"),
    ("", "other"),
]


@pytest.mark.parametrize(("host", "group"), HOSTS)
def test_a_mail_server_belongs_to_a_group(host: str, group: str) -> None:
    assert group_of_host(host) == group


def test_the_first_server_that_somebody_knows_decides() -> None:
    assert group_of_hosts(("mail.contoso.com", "mx.zoho.eu")) == ("zoho", "mx.zoho.eu")
    assert group_of_hosts(("b.contoso.com", "a.contoso.com")) == ("other", "b.contoso.com")
    assert group_of_hosts(()) == ("other", "")


def test_every_group_is_one_that_leads_and_limits_may_have() -> None:
    assert set(HOSTS_BY_GROUP) <= set(MAILBOX_GROUPS)
    assert all(len(group) <= 16 for group in MAILBOX_GROUPS)
