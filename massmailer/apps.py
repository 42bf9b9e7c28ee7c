from django.apps import AppConfig
from django.db.models.signals import post_migrate


class MassMailerConfig(AppConfig):
    name = "massmailer"
    verbose_name = "MassMailer"

    def ready(self) -> None:
        # binds every shared task to the configured application, in web processes and commands too
        # and connects the signs of life to Celery's signals before a worker builds its heart
        from massmailer import celery, pulse, roles  # noqa: F401

        post_migrate.connect(roles.grant, dispatch_uid="massmailer.roles")
