from django.apps import AppConfig


class DeliveryConfig(AppConfig):
    name = "delivery"
    verbose_name = "Delivery"

    def ready(self) -> None:
        from campaigns.leads.erase import register_eraser
        from delivery.erase import scrub_ledger

        register_eraser(scrub_ledger)
