"""What must stand before the first mail: somebody to log in as, and a way out into the sandbox mailbox."""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib.auth import get_user_model
from django.db import transaction

from delivery.models import Pool
from delivery.providers import add_provider, default_pool
from massmailer.embedded import secrets

ADMIN = "admin"
PASSWORD_SECRET = "demo_admin_password"  # noqa: S105  (the name of the file)
PROVIDER = "Sandbox mailbox"
POOL = "Sandbox"


@dataclass(frozen=True)
class Login:
    """password: None where somebody has changed it since we made it."""

    username: str
    password: str | None


def admin_login() -> Login:
    """The admin's login; the account is made the first time, with a password kept in var/secrets."""
    model = get_user_model()
    password = secrets.load_or_create(PASSWORD_SECRET, secrets.password)
    user = model._default_manager.filter(username=ADMIN).first()
    if user is None:
        model._default_manager.create_superuser(username=ADMIN, email="admin@example.com", password=password)
        return Login(ADMIN, password)
    return Login(ADMIN, password if user.check_password(password) else None)


@transaction.atomic
def sandbox_pool(port: int) -> Pool:
    """The pool whose only provider is the sandbox mailbox; sample mail leaves by no other.

    Default pools that have no provider yet get it too, so that everything can be tried in the admin.
    """
    pool, _ = Pool.objects.get_or_create(name=POOL)
    empty = [default for default in map(default_pool, Pool.Stream.values) if not default.providers.exists()]
    names = [one.name for one in (pool, *empty)]
    add_provider(name=PROVIDER, url=f"smtp://127.0.0.1:{port}", pools=names)
    return pool
