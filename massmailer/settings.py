"""Settings: one file, typed helpers over the environment, failing loudly.

With no environment variable set, the embedded PostgreSQL and Valkey are used and missing secrets are generated once
under `var/`. As soon as DATABASE_URL and REDIS_URL are both given, nothing embedded is used and every secret is
demanded.
"""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured

from massmailer.embedded import paths, postgres, secrets, valkey

env = environ.Env()
BASE_DIR = Path(__file__).resolve().parent.parent
VAR_DIR = paths.var_dir()

EMBEDDED = not (os.environ.get("DATABASE_URL") and os.environ.get("REDIS_URL"))


def required_secret(name: str, factory: secrets.Factory) -> str:
    """The secret `name` from the environment; generated once and kept under var/ in embedded mode only.

    Raises ImproperlyConfigured with the cure where the secret is missing and the engines are not embedded.
    """
    value = os.environ.get(name, "")
    if value:
        return value
    if EMBEDDED:
        return secrets.load_or_create(name.lower(), factory)
    raise ImproperlyConfigured(
        f"{name} is not set. With DATABASE_URL and REDIS_URL given, secrets are not generated: set {name} to "
        f"{secrets.describe(name)}."
    )


def positive_number(name: str, default: float) -> float:
    """A number above zero from the environment. Raises ImproperlyConfigured that names the variable."""
    raw = os.environ.get(name, "")
    if not raw:
        return default
    try:
        value = float(raw)
    except ValueError as error:
        raise ImproperlyConfigured(f"{name}={raw!r} is not a number. Set it to a number above zero.") from error
    if value <= 0:
        raise ImproperlyConfigured(f"{name}={raw!r} must be above zero.")
    return value


def origin(name: str, default: str) -> str:
    """A URL of scheme and host without a trailing slash. Raises ImproperlyConfigured that names the variable."""
    value = (os.environ.get(name) or default).rstrip("/")
    if not value.startswith(("http://", "https://")):
        raise ImproperlyConfigured(f"{name}={value!r} must begin with http:// or https://.")
    return value


def rates(name: str, defaults: dict[str, str]) -> dict[str, tuple[int, int]]:
    """Limits such as "20/h" as (requests, seconds); the environment changes single ones: "click=6000/m,form=50/h".

    Units: s, m, h, d. Raises ImproperlyConfigured that names the variable and the limit.
    """
    seconds = {"s": 1, "m": 60, "h": 3600, "d": 86400}
    found = {}
    for key, text in {**defaults, **env.dict(name, default={})}.items():
        amount, _, unit = text.partition("/")
        if key not in defaults or unit not in seconds or not amount.isdecimal() or int(amount) < 1:
            raise ImproperlyConfigured(f"{name}: {key}={text} is not a limit. Write one of {list(defaults)}, as 20/h.")
        found[key] = (int(amount), seconds[unit])
    return found


# --- identity and secrets -------------------------------------------------------------------------------------------
SECRET_KEY = required_secret("SECRET_KEY", secrets.random_text)
# newest first: the first encrypts, all decrypt
ENCRYPTION_KEYS = [
    key.strip() for key in required_secret("ENCRYPTION_KEYS", secrets.fernet_key).split(",") if key.strip()
]
DEBUG = env.bool("DEBUG", default=False)
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"] if EMBEDDED else [])
WEB_PORT = env.int("PORT", default=8000)
PUBLIC_URL = origin("PUBLIC_URL", f"http://localhost:{WEB_PORT}")
TRACKING_URL = origin("TRACKING_URL", PUBLIC_URL)
# the domain of return paths (VERP); empty: bounces go to the From address
BOUNCE_DOMAIN = os.environ.get("BOUNCE_DOMAIN", "").strip().lower()
# the sender of transactional mail that names none
_noreply = f"MassMailer <noreply@{BOUNCE_DOMAIN or 'massmailer.test'}>"
DEFAULT_FROM_EMAIL = os.environ.get("DEFAULT_FROM_EMAIL") or _noreply
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]
# lets a Prometheus on another machine read /metrics; empty: only this machine may
METRICS_TOKEN = os.environ.get("METRICS_TOKEN", "").strip()

# --- engines --------------------------------------------------------------------------------------------------------
DATABASE_URL = os.environ.get("DATABASE_URL") or postgres.url()
REDIS_URL = os.environ.get("REDIS_URL") or valkey.url()
CELERY_BROKER_URL = os.environ.get("CELERY_BROKER_URL") or valkey.broker_url(REDIS_URL)
REPORTING_DATABASE_URL = os.environ.get("REPORTING_DATABASE_URL", "")

DATABASES = {"default": env.db_url_config(DATABASE_URL)}
if REPORTING_DATABASE_URL:
    DATABASES["reporting"] = env.db_url_config(REPORTING_DATABASE_URL)
    DATABASES["reporting"]["TEST"] = {"MIRROR": "default"}
for database in DATABASES.values():
    if database["ENGINE"] != "django.db.backends.postgresql":
        raise ImproperlyConfigured(
            "DATABASE_URL must be a postgresql:// URL: PostgreSQL 16 or newer is the one engine."
        )
    database["ENGINE"] = "massmailer.database"
    database["CONN_MAX_AGE"] = 60
    database["CONN_HEALTH_CHECKS"] = True
    database.setdefault("OPTIONS", {}).setdefault("connect_timeout", 5)
    # a process that hangs inside a transaction must not hold its locks for ever: the sweeper's stop every batch
    database["OPTIONS"].setdefault("options", "-c idle_in_transaction_session_timeout=45s")

CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        # its own database number: cache.clear() is FLUSHDB, and the event stream lives in the other one
        "LOCATION": valkey.with_database(REDIS_URL, 1),
        "OPTIONS": {"socket_timeout": 1, "socket_connect_timeout": 1},
    }
}

# --- sending: units in the names ------------------------------------------------------------------------------------
LEASE_SECONDS = positive_number("MASSMAILER_LEASE_SECONDS", 45)
HEARTBEAT_SECONDS = LEASE_SECONDS / 3
SWEEP_SECONDS = positive_number("MASSMAILER_SWEEP_SECONDS", 1)
# no message starts later than this after its claim; a frozen process that wakes up sends nothing stale
CLAIM_TO_SEND_SECONDS = min(30.0, LEASE_SECONDS * 2 / 3)
# a whole number of windows, and of what is read and granted for several of them at once
BATCH_SIZE = 960
# a crash costs at most CLAIMED_LIMIT unknowns per worker child, in whole windows: delivery/bound.py
CLAIMED_LIMIT = 200
WINDOW_SIZE = 48
RENDERED_BYTES_LIMIT = 16 * 1024 * 1024
# bulk workers take the processor that others leave, 0: as all others do, 19: last
BULK_NICENESS = env.int("MASSMAILER_BULK_NICENESS", default=10)
if not 0 <= BULK_NICENESS <= 19:
    raise ImproperlyConfigured(f"MASSMAILER_BULK_NICENESS={BULK_NICENESS}: set it to a number from 0 to 19.")
# these processes accept transactional mail: a thread of theirs wakes workers, so that no request waits for the broker
ACCEPTS_MAIL = os.environ.get("MASSMAILER_PROCESS") in ("web", "submission")
# how old an unknown e-mail must be before a person may send it again: until then an open or a late answer may settle it
UNKNOWN_RESEND_HOURS = positive_number("MASSMAILER_UNKNOWN_RESEND_HOURS", 24)
# addresses that people type in (webhooks) are called at these ports, and never inside the house ("host" or "host:port")
WEBHOOK_PORTS = env.list("MASSMAILER_WEBHOOK_PORTS", cast=int, default=[80, 443, 8080, 8443])
WEBHOOK_PRIVATE_HOSTS = env.list("MASSMAILER_WEBHOOK_PRIVATE_HOSTS", default=[])
# domains of leads are looked up in DNS, to know who runs their mailboxes
MX_LOOKUPS = env.bool("MASSMAILER_MX_LOOKUPS", default=True)
# proxies of ours in front of the web process: so many entries of X-Forwarded-For are believed, from the right
TRUSTED_PROXIES = env.int("MASSMAILER_TRUSTED_PROXIES", default=0)
IMPORT_MAX_BYTES = int(positive_number("MASSMAILER_IMPORT_MAX_BYTES", 2 * 1024**3))

# --- public doors ---------------------------------------------------------------------------------------------------
# what one network (a /24 or /48) may ask for. Pixels and links come in crowds from the proxies of Gmail and Outlook and
# from a company's scanner; "repeated" counts by e-mail instead: one-click requests of a mail provider share a network
PUBLIC_LIMITS = rates(
    "MASSMAILER_PUBLIC_LIMITS",
    {
        "open": "60000/m",
        "click": "12000/m",
        "view": "1200/m",
        "unsubscribe": "1200/m",
        "repeated": "60/m",
        "form": "60/m",
        "confirm": "300/m",
        "webhook": "60000/m",
        # passwords that are tried
        "login": "30/m",
    },
)

# --- the SMTP door for applications: off without a port ---------------------------------------------------------------
SUBMISSION_PORT = env.int("MASSMAILER_SUBMISSION_PORT", default=0)
# TLS from the first byte; needs the certificate
SUBMISSION_TLS_PORT = env.int("MASSMAILER_SUBMISSION_TLS_PORT", default=0)
SUBMISSION_HOST = env.str("MASSMAILER_SUBMISSION_HOST", default="127.0.0.1")
# PEM files, read again each hour; the key may stand in the certificate's file
SUBMISSION_CERTIFICATE = env.str("MASSMAILER_SUBMISSION_CERTIFICATE", default="")
SUBMISSION_KEY = env.str("MASSMAILER_SUBMISSION_KEY", default="")
# take keys over connections without TLS from other machines too: in a private network only
SUBMISSION_PLAIN_AUTH = env.bool("MASSMAILER_SUBMISSION_PLAIN_AUTH", default=False)
SUBMISSION_HOSTNAME = env.str("MASSMAILER_SUBMISSION_HOSTNAME", default=urlsplit(PUBLIC_URL).hostname or "localhost")

# --- sandbox mailbox ------------------------------------------------------------------------------------------------
SANDBOX_ENABLED = env.bool("MASSMAILER_SANDBOX", default=EMBEDDED)
SANDBOX_SMTP_PORT = env.int("MASSMAILER_SANDBOX_PORT", default=2525)
SANDBOX_DIR = VAR_DIR / "sandbox"
FLOWER_PORT = env.int("MASSMAILER_FLOWER_PORT", default=5555)
# Flower listens on loopback alone: give the address of a tunnel or a guarded proxy where people sit elsewhere
FLOWER_URL = origin("FLOWER_URL", f"http://localhost:{FLOWER_PORT}") + "/"

# --- Django ---------------------------------------------------------------------------------------------------------
INSTALLED_APPS = [
    "massmailer",
    "tracking",
    "delivery",
    "campaigns",
    "unfold.apps.BasicAppConfig",
    "unfold.contrib.filters",
    "unfold.contrib.forms",
    "massmailer.admin_site.AdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django_celery_beat",
    "anymail",
    # for the assets of its reference page alone, which it would fetch from outside otherwise
    "ninja",
]
MIDDLEWARE = [
    "massmailer.middleware.OperationsMiddleware",
    "massmailer.middleware.DoorsMiddleware",
    "django.middleware.security.SecurityMiddleware",
    # below it, so that the refusals which it words bear HSTS and the like; above all that refuses
    "massmailer.api.middleware.ApiProblemsMiddleware",
    "massmailer.api.middleware.ProgramsMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "massmailer.middleware.ContentSecurityPolicyMiddleware",
]
ROOT_URLCONF = "massmailer.urls"
WSGI_APPLICATION = "massmailer.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    }
]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "admin:login"
LANGUAGE_CODE = "en"
FORMAT_MODULE_PATH = "massmailer.formats"
TIME_ZONE = env.str("TIME_ZONE", default="UTC")
USE_I18N = True
USE_TZ = True
STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
MEDIA_ROOT = VAR_DIR / "media"
# where details go before retention removes them, if that is wanted: a folder for each partition
RETENTION_EXPORT_DIR = env.str("RETENTION_EXPORT_DIR", default=str(VAR_DIR / "exports"))
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedStaticFilesStorage"},
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 5 * 1024 * 1024
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "SAMEORIGIN"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = PUBLIC_URL.startswith("https://")
if PUBLIC_URL.startswith("https://"):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_HSTS_SECONDS = env.int("SECURE_HSTS_SECONDS", default=31_536_000)
EMAIL_BACKEND = "django.core.mail.backends.dummy.EmailBackend"

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": env.str("LOG_LEVEL", default="INFO")},
    "loggers": {
        # a line for each of several beats a second buries everything else
        name: {"level": "WARNING"}
        for name in ("celery.beat", "celery.worker.strategy", "celery.app.trace")
    },
}

from massmailer.admin_theme import UNFOLD  # noqa: E402,F401  (reads nothing above; kept apart for its length)
