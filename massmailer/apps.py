from django.apps import AppConfig


class MassMailerConfig(AppConfig):
    name = "massmailer"
    verbose_name = "MassMailer"

    def ready(self) -> None:
        # binds every shared task to the configured application, in web processes and commands too
        from massmailer import celery  # noqa: F401
