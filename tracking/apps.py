from django.apps import AppConfig


class TrackingConfig(AppConfig):
    name = "tracking"
    verbose_name = "Tracking"

    def ready(self) -> None:
        from campaigns.leads.erase import register_eraser
        from campaigns.panels import register_panel
        from campaigns.segments import register_field
        from tracking import engagement
        from tracking.engagement.fields import FIELDS
        from tracking.panel import report_panel

        register_panel(report_panel)
        register_eraser(engagement.forget)
        for field in FIELDS:
            register_field(field)
