from django.apps import AppConfig


class DeliveryConfig(AppConfig):
    name = "delivery"
    verbose_name = "Delivery"

    def ready(self) -> None:
        from campaigns.leads.erase import register_eraser
        from campaigns.services.preflight import register_check
        from delivery.erase import scrub_ledger
        from delivery.preflight import check_provider

        register_eraser(scrub_ledger)
        register_check(check_provider)
