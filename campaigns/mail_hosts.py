"""Who runs a mail server, by its name: what MX records point to, as a table."""

from __future__ import annotations

from campaigns.addresses import OTHER

# domains of mail servers; the longest that a host ends with counts
HOSTS_BY_GROUP: dict[str, tuple[str, ...]] = {
    "gmail": ("google.com", "googlemail.com"),
    "microsoft": ("outlook.com", "mx.microsoft", "hotmail.com", "outlook.de"),
    "yahoo": ("yahoodns.net", "yahoo.com", "yahoo.co.jp", "aol.com"),
    "apple": ("icloud.com", "apple.com"),
    "gmx": ("gmx.net", "gmx.com", "web.de", "mail.com"),
    "ionos": ("ionos.com", "ionos.de", "ionos.co.uk", "ionos.fr", "ionos.es", "ionos.it", "kundenserver.de"),
    "comcast": ("comcast.net",),
    "orange": ("orange.fr", "wanadoo.fr"),
    "mailru": ("mail.ru",),
    "yandex": ("yandex.ru", "yandex.net", "yandex.com"),
    "zoho": ("zoho.com", "zoho.eu", "zoho.in", "zohomail.com"),
    "fastmail": ("messagingengine.com",),
    "proton": ("protonmail.ch", "proton.me"),
    "ovh": ("ovh.net", "ovh.com"),
    "godaddy": ("secureserver.net",),
    "rackspace": ("emailsrvr.com",),
    "mimecast": ("mimecast.com", "mimecast.co.za", "mimecast-offshore.com"),
    "proofpoint": ("pphosted.com", "ppe-hosted.com", "gpphosted.com"),
    "barracuda": ("barracudanetworks.com", "cudaops.com"),
    "cisco": ("iphmx.com",),
    "symantec": ("messagelabs.com",),
}  # fmt: skip
_GROUP_BY_HOST = {host: group for group, hosts in HOSTS_BY_GROUP.items() for host in hosts}


def group_of_host(host: str) -> str:
    """The mailbox group of a mail server ("aspmx.l.google.com" is gmail's), "other" where nobody knows it."""
    labels = host.lower().rstrip(".").split(".")
    for start in range(len(labels) - 1):
        group = _GROUP_BY_HOST.get(".".join(labels[start:]))
        if group:
            return group
    return OTHER


def group_of_hosts(hosts: tuple[str, ...]) -> tuple[str, str]:
    """The group of several servers of equal rank, and the server that decided: the first that somebody knows."""
    for host in hosts:
        group = group_of_host(host)
        if group != OTHER:
            return group, host
    return OTHER, hosts[0] if hosts else ""
