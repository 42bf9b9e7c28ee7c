"""The built-in rules of who opened and clicked. Operators see them beside their own, and can switch each off."""

from __future__ import annotations

from tracking.who import Rule, Rules

# programs that fetch on their own account, in lower case; browsers and mail programs have none of these
MACHINE_AGENTS = (
    "barracuda", "proofpoint", "mimecast", "messagelabs", "symantec", "fortinet", "fortiguard", "zscaler", "sophos",
    "bitdefender", "trendmicro", "trend micro", "checkpoint", "forcepoint", "ironport", "cloudmark", "vadesecure",
    "bingpreview", "facebookexternalhit", "slackbot", "skypeuripreview", "whatsapp", "telegrambot", "linkpreview",
    "headlesschrome", "phantomjs", "python-", "curl/", "wget/", "go-http-client", "java/",
    "apache-httpclient", "libwww", "axios/", "node-fetch", "guzzlehttp", "bot/", "bot;", "bot)", "crawler",
    "spider", "scanner", "urlcheck", "linkcheck",
)  # fmt: skip
# mail programs that load images with a library's name instead of a browser's
MAIL_PROGRAMS = (
    "dalvik/", "cfnetwork/", "okhttp/", "outlook", "thunderbird", "airmail", "lotus-notes", "yahoomailproxy",
)  # fmt: skip

BUILT_IN = (
    # `sg_machine_open` of SendGrid, `client-info.bot` of Mailgun, …
    Rule("esp-says-machine", "machine", "the ESP calls it a machine", claim="machine"),
    Rule("head-request", "machine", "HEAD request", method="HEAD"),
    Rule("prefetch", "machine", "prefetch", purposes=("prefetch", "prerender", "preview")),
    # Apple Mail's privacy protection loads every image of every message under this whole name
    Rule("apple-privacy", "machine", "Apple privacy proxy", kind="open", agent="is", phrases=("mozilla/5.0",)),
    Rule(
        "gmail-prefetch", "machine", "Gmail prefetch",
        kind="open", agent="contains", phrases=("chrome/42.0.2311.135*edge/12.246",),
    ),
    # Gmail's proxy fetches when somebody reads: a real reader behind a shared name
    Rule(
        "gmail-proxy", "human", "Gmail image proxy", kind="open", agent="contains", phrases=("googleimageproxy",)
    ),
    Rule("scanners", "machine", "scanner or script", agent="contains", phrases=MACHINE_AGENTS),
    Rule("no-agent", "unsure", "no user agent", agent="empty"),
    Rule("bare-agent", "unsure", "bare user agent", agent="is", phrases=("mozilla/5.0",)),
    Rule("browsers", "human", "browser", agent="begins", phrases=("mozilla/", "opera/")),
    Rule("mail-programs", "human", "mail program", kind="open", agent="contains", phrases=MAIL_PROGRAMS),
    # a person reads before clicking; scanners follow every link of a message while it is being delivered
    Rule("burst", "machine", "three links within 2 s", kind="click", within_seconds=2, links=3),
    # only clicks: a mail program that is open shows its images as soon as the message arrives
    Rule("too-soon", "machine", "under 3 s after delivery", kind="click", within_seconds=3),
)  # fmt: skip

BUILT_IN_RULES = Rules(BUILT_IN, "built-in")
