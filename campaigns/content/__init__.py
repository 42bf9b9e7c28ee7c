"""From what a marketer writes to what every message of a campaign is made of; done once per campaign."""

from campaigns.content.compile import check_content, compile_content
from campaigns.content.liquid import LiquidInvalid, Node, RenderFailed, parse
from campaigns.content.problems import ContentInvalid, Problem
from campaigns.content.source import CompiledContent, ContentSource, Link

__all__ = [
    "CompiledContent",
    "ContentInvalid",
    "ContentSource",
    "Link",
    "LiquidInvalid",
    "Node",
    "Problem",
    "RenderFailed",
    "check_content",
    "compile_content",
    "parse",
]
