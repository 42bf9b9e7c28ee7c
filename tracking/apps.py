from django.apps import AppConfig
from django.db.models.signals import post_migrate


class TrackingConfig(AppConfig):
    name = "tracking"
    verbose_name = "Tracking"

    def ready(self) -> None:
        from campaigns.leads.erase import register_eraser
        from campaigns.leads.person import register_exporter, register_person_eraser
        from campaigns.panels import register_panel
        from campaigns.segments import register_field
        from campaigns.state_changes import register_state_listener
        from delivery.messages.events import register_listener
        from tracking import engagement, hooks, person, rules
        from tracking.engagement.fields import FIELDS
        from tracking.hooks.endpoints import forget_lead, forget_stranger, told
        from tracking.panel import removed_panel, report_panel

        register_panel(removed_panel)
        register_panel(report_panel)
        register_eraser(engagement.forget)
        # before delivery's own, which takes the addresses out of messages: this app stands above it in INSTALLED_APPS
        register_person_eraser(person.scrub_events)
        register_exporter("events", person.events)
        register_exporter("engagement", person.engagement)
        register_exporter("set_aside", person.aside)
        register_exporter("strays", person.strays)
        register_exporter("webhook_deliveries", told)
        register_eraser(forget_lead)
        register_person_eraser(forget_stranger)
        register_listener(hooks.message_changed, hooks.OF_MESSAGES)
        register_state_listener(hooks.campaign_moved)
        for field in FIELDS:
            register_field(field)
        post_migrate.connect(rules.seed, sender=self, dispatch_uid="tracking.rules.seed")
