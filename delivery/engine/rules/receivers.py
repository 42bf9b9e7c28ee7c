"""Rules for what single receivers say in codes and words of their own."""

from __future__ import annotations

from delivery.engine.outcome import Kind
from delivery.engine.rule import Rule

TEN_MINUTES = 600
HOUR = 3600
FOUR_HOURS = 14400

GMAIL = (
    Rule(
        "gmail-mailbox-rate",
        Kind.TRANSIENT,
        "The mailbox gets mail too quickly just now.",
        enhanced="*.2.1",
        phrases=("receiving mail|email too quickly|fast", "receiving mail|email at a rate", "receiving too many"),
    ),
    Rule(
        "gmail-disabled",
        Kind.HARD,
        "The mailbox is inactive or disabled.",
        codes="5*",
        enhanced="5.2.1",
        phrases=("inactive", "disabled"),
    ),
    Rule(
        "unusual-rate",
        Kind.THROTTLE,
        "The receiver sees too much mail from us.",
        enhanced="*.7.28",
        phrases=("unusual rate of", "rate limited due to * unsolicited"),
        either=True,
        pause_seconds=TEN_MINUTES,
    ),
    Rule(
        "our-authentication",
        Kind.BLOCK,
        "SPF, DKIM, DMARC, PTR or TLS of ours is not in order.",
        enhanced="*.7.23-27, *.7.29-32, *.7.40",
        alert=True,
    ),
)
YAHOO = (
    Rule(
        "yahoo-deferred-for-good",
        Kind.THROTTLE,
        "Yahoo accepts nothing more from our address.",
        phrases=("ts03", "will be permanently deferred"),
        pause_seconds=FOUR_HOURS,
        alert=True,
    ),
    Rule("yahoo-throttle", Kind.THROTTLE, "Yahoo limits our rate.", phrases=("ts##", "tss##")),
    Rule(
        "yahoo-block",
        Kind.BLOCK,
        "Yahoo refuses our mail.",
        phrases=("ph##", "bl##", "gl##", "vs10 rt", "vs99"),
        alert=True,
    ),
)
MICROSOFT = (
    Rule(
        "outlook-network-block",
        Kind.BLOCK,
        "Outlook has our network on its block list; it follows from ignoring its 4xx replies.",
        phrases=("s3150", "part of their network is on our block list", "part of your network is on our block list"),
        pause_seconds=FOUR_HOURS,
        alert=True,
    ),
    Rule(
        "outlook-throttle",
        Kind.THROTTLE,
        "Outlook limits our rate.",
        enhanced="4.7.500, 4.7.65*",
        phrases=("rp 001", "rp 002", "rp 003", "s77#", "server busy", "server is busy", "*storedrv.deliver* busy"),
        either=True,
    ),
    Rule(
        "outlook-block",
        Kind.BLOCK,
        "Outlook refuses our mail.",
        enhanced="5.7.515, 5.7.600-799",
        phrases=("s31##", "sc 00#", "dy 00#", "ou 00#"),
        either=True,
        alert=True,
    ),
    Rule(
        "outlook-unavailable",
        Kind.HARD,
        "The mailbox does not exist.",
        codes="5*",
        enhanced="5.5.0",
        phrases=("mailbox unavailable",),
    ),
    Rule(
        "microsoft-365-unknown",
        Kind.HARD,
        "The address does not exist.",
        codes="5*",
        enhanced="5.4.1",
        phrases=("recipient address rejected access denied",),
    ),
    Rule(
        "exchange-unknown",
        Kind.HARD,
        "The address does not exist in the receiver's directory.",
        codes="5*",
        phrases=("*recipnotfound*", "*exrecipnotfound*", "*adr.recipientnotfound*"),
    ),
    Rule(
        "restricted-recipient",
        Kind.UNDETERMINED,
        "The recipient takes mail from chosen senders only.",
        # RFC 3463 and 7372 give 5.7.12 and 5.7.13, without a third digit, to lists and to accounts
        enhanced="*.7.120-139",
        phrases=(
            "*resolver.rst.*",
            "*transport.rules.*",
            "group only accepts messages from",
            "not allowed to post to this group",
            "recipient only accepts mail|email|messages from",
            "delivery restriction|restrictions",
            "list is restricted",
        ),
        either=True,
    ),
    Rule(
        "account-disabled",
        Kind.HARD,
        "The account was disabled for good.",
        codes="5*",
        enhanced="5.7.13",
        unless=("your account", "temporar*"),
    ),
)
OTHERS = (
    Rule("icloud-block", Kind.BLOCK, "iCloud refuses our mail.", phrases=("cs0#", "hm0#"), alert=True),
    Rule(
        "comcast-throttle",
        Kind.THROTTLE,
        "Comcast limits our rate.",
        phrases=("rl00#", "throttled try again later"),
    ),
    Rule("comcast-block", Kind.BLOCK, "Comcast refuses our mail.", phrases=("dm00####", "comcast block*"), alert=True),
    Rule("cox-block", Kind.BLOCK, "Cox or Spectrum refuses our mail.", phrases=("aup",)),
    Rule(
        "orange-throttle",
        Kind.THROTTLE,
        "Orange or La Poste limits our rate.",
        phrases=("ofr004 104", "trop de connexions", "lpn006 #", "lpn007 108"),
    ),
    Rule(
        "orange-block",
        Kind.BLOCK,
        "Orange or La Poste refuses our mail.",
        phrases=("ofr 506", "ofr 103", "ofr004 506", "mail rejete", "lpn001 #", "lpn105 #", "service refuse"),
        alert=True,
    ),
    Rule(
        "gmx-block",
        Kind.BLOCK,
        "GMX or web.de refuses our mail.",
        phrases=(
            "nemesis esmtp service not available",
            "nemesis * bad dns ptr",
            "reject due to policy restrictions",
            "invalid dns mx or",
        ),
        alert=True,
    ),
    Rule(
        "t-online-block",
        Kind.BLOCK,
        "T-Online refuses our mail; it wants senders to register.",
        phrases=("ask your postmaster for help", "*rx.t-online.de*"),
        alert=True,
    ),
    Rule(
        "qq-throttle",
        Kind.THROTTLE,
        "QQ Mail limits our rate.",
        phrases=("frequency limited", "exceed * frequency"),
    ),
    Rule(
        "netease-throttle",
        Kind.THROTTLE,
        "NetEase (163, 126) limits our rate.",
        phrases=("hl icc|ifc|ihu|itc|mep|rep", "mi dmc|sfq|stc|tsf|cel", "rp cel|drc|qrc|rcl|trc"),
    ),
    Rule(
        "netease-block",
        Kind.BLOCK,
        "NetEase (163, 126) refuses our mail.",
        phrases=("dt spm|sum|sp", "hl ipb", "mi spb|spf|imf|frl|wip", "rp frl"),
        alert=True,
    ),
    Rule(
        "mimecast-block",
        Kind.BLOCK,
        "Mimecast refuses our mail.",
        phrases=(
            "envelope blocked",
            "anti spoofing",
            "administrative prohibition",
            "header based manually blocked senders",
            "content examination policy",
        ),
    ),
    Rule(
        "free-throttle",
        Kind.THROTTLE,
        "The receiver has seen too many refused messages from our address.",
        codes="4*",
        phrases=("too many spams|errors from your ip", "too many errors", "excessive unknown recipients"),
        pause_seconds=TEN_MINUTES,
    ),
)

RECEIVERS = (*GMAIL, *YAHOO, *MICROSOFT, *OTHERS)
