from django.apps import AppConfig


class TrackingConfig(AppConfig):
    name = "tracking"
    verbose_name = "Tracking"

    def ready(self) -> None:
        from campaigns.panels import register_panel
        from tracking.panel import report_panel

        register_panel(report_panel)
