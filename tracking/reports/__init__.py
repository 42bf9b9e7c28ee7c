"""What came back, for people and programs: plain values, read from roll-ups and counters.

Every service reads the reporting database (see `database`), in a read-only transaction with a time limit.
"""

from tracking.reports.breakdown import BreakdownReport, BreakdownRow, breakdown_report
from tracking.reports.by_domain import DeliverabilityRow, deliverability
from tracking.reports.campaign import ByWho, CampaignReport, HourReport, LinkReport, campaign_report
from tracking.reports.compare import newest, summaries
from tracking.reports.database import ReportTooSlow
from tracking.reports.history import Moment, Timeline, timeline
from tracking.reports.leads import Recipient, RecipientPage, Wanted, every_recipient, recipients
from tracking.reports.over_time import Point, series
from tracking.reports.rates import Rate, Totals
from tracking.reports.sender import SenderLead, SenderPage, sender_leads

__all__ = [
    "BreakdownReport",
    "BreakdownRow",
    "ByWho",
    "CampaignReport",
    "DeliverabilityRow",
    "HourReport",
    "LinkReport",
    "Moment",
    "Point",
    "Rate",
    "Recipient",
    "RecipientPage",
    "ReportTooSlow",
    "SenderLead",
    "SenderPage",
    "Timeline",
    "Totals",
    "Wanted",
    "breakdown_report",
    "campaign_report",
    "deliverability",
    "every_recipient",
    "newest",
    "recipients",
    "sender_leads",
    "series",
    "summaries",
    "timeline",
]
