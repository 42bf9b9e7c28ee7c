"""What came back, for people and programs: plain values, read from roll-ups and counters."""

from tracking.reports.campaign import ByWho, CampaignReport, HourReport, LinkReport, campaign_report

__all__ = ["ByWho", "CampaignReport", "HourReport", "LinkReport", "campaign_report"]
