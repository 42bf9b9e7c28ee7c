from django.apps import AppConfig


class DeliveryConfig(AppConfig):
    name = "delivery"
    verbose_name = "Delivery"

    def ready(self) -> None:
        from campaigns.leads.erase import register_eraser
        from campaigns.panels import register_panel
        from campaigns.services.pace import register_pace_listener
        from campaigns.services.preflight import register_check
        from delivery import frequency, opening
        from delivery.erase import scrub_ledger
        from delivery.panel import decisions_panel
        from delivery.preflight import check_provider

        register_eraser(scrub_ledger)
        register_eraser(frequency.forget)
        register_check(check_provider)
        register_panel(decisions_panel)
        register_pace_listener(opening.reopen)
