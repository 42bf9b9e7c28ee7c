"""The project's own SMTP client: pipelining, persistent connections, every reply an outcome."""

from delivery.engine.smtp.endpoint import Endpoint, Security, SmtpMessage, Timeouts
from delivery.engine.smtp.pool import SmtpPool
from delivery.engine.smtp.probe import ProbeReport, probe

__all__ = ["Endpoint", "ProbeReport", "Security", "SmtpMessage", "SmtpPool", "Timeouts", "probe"]
