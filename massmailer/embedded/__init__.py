"""The embedded engines: PostgreSQL and Valkey from their wheels, for a machine where nobody configured anything.

Nothing here imports Django: settings ask for addresses and secrets, scripts start and stop what stands behind them.
"""
