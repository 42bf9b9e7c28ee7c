from django.apps import AppConfig


class MassMailerConfig(AppConfig):
    name = "massmailer"
    verbose_name = "MassMailer"

    def ready(self) -> None:
        # binds every shared task to the configured application, in web processes and commands too
        # and connects the signs of life to Celery's signals before a worker builds its heart
        from massmailer import celery, pulse  # noqa: F401
