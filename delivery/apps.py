from django.apps import AppConfig


class DeliveryConfig(AppConfig):
    name = "delivery"
    verbose_name = "Delivery"

    def ready(self) -> None:
        from campaigns.leads.erase import register_eraser
        from campaigns.leads.person import register_exporter, register_person_eraser
        from campaigns.panels import register_panel
        from campaigns.services.duplicates import register_copier
        from campaigns.services.pace import register_pace_listener
        from campaigns.services.pool_choice import Keeper, register_pool_keeper
        from campaigns.services.preflight import register_check
        from campaigns.state_changes import register_state_listener
        from delivery import frequency, guardrails, opening, person, pools, sweep
        from delivery.erase import scrub_ledger
        from delivery.pace_check import check_duration, check_frequency_cap, check_local_time
        from delivery.panel import decisions_panel, departure_panel, hours_panel, pool_panel
        from delivery.preflight import check_provider, check_sending_domain

        register_person_eraser(person.scrub_messages)
        register_person_eraser(person.forget_soft_bounces)
        register_exporter("emails", person.emails)
        register_exporter("messages", person.messages)
        register_exporter("frequency", person.touches)
        register_exporter("soft_bounces", person.soft_bounces)
        register_eraser(scrub_ledger)
        register_eraser(frequency.forget)
        register_check(check_provider)
        register_check(check_sending_domain)
        register_check(check_duration)
        register_check(check_local_time)
        register_check(check_frequency_cap)
        register_panel(hours_panel)
        register_panel(decisions_panel)
        register_panel(pool_panel)
        register_panel(departure_panel)
        register_pace_listener(opening.reopen)
        register_state_listener(sweep.wake_at_once)
        register_pool_keeper(Keeper(pools.set_campaign_pool, pools.CHOSEN))
        register_copier(pools.copy_choice)
        register_copier(guardrails.copy_limits)
