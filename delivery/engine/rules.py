"""What an SMTP reply means, as data: ordered rules, the first match wins.

Sources: RFC 5321, RFC 3463, RFC 7372, RFC 7505 and the published error pages of Gmail, Yahoo, Outlook.com,
Microsoft 365 and iCloud. The reply code and the enhanced code can disagree (Gmail sends `421 5.7.32`), so that no
rule trusts one digit where it would suppress an address.
"""

from __future__ import annotations

from dataclasses import dataclass

from delivery.engine.outcome import Kind


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of the table. Every condition that is given must hold.

    codes, enhanced: matched whole against the code ("550") and the enhanced code ("5.1.1", "" where there is none).
    text: searched in the reply's words, case ignored. either: `enhanced` or `text` is enough instead of both.
    unless: if it is found in the words, the rule does not match. reason: for the person who reads the ledger.
    """

    name: str
    kind: Kind
    reason: str
    codes: str = ""
    enhanced: str = ""
    text: str = ""
    either: bool = False
    unless: str = ""


_QUOTA = (
    r"quota|mail ?box.{0,30}\bfull|\bfull mail ?box|inbox.{0,20}\bfull|storage (space|limit|allocation)"
    r"|exceeded storage|out of (storage|disk) ?space|not enough (storage|disk) space"
    r"|insufficient (disk|storage|mailbox)|mailbox size limit|mailbox.{0,30}(over|exceed).{0,20}(limit|size)"
    r"|too many (old )?messages (in|on) (the )?(mailbox|disk)"
)
_SIZE = (
    r"message (is )?too (big|large|long)|message size exceeds|exceeds? (the )?(maximum|fixed|allowed)"
    r".{0,20}message size|message (length|size).{0,20}(exceed|limit)"
    r"|size exceeds? (the )?(administrative|maximum) limit|max(imum)? message size"
)
_BLOCK = (
    r"spamhaus|spamcop|barracuda|sorbs|proofpoint|cloudmark|senderscore|invaluement|uceprotect|abuseat|mailspike"
    r"|\bcbl\b|\bsurbl\b|\buribl\b|\b(dns|r)bl\b|bl(ack|ock)[- ]?list|\bblocked\b|\bblocking\b|blacklisted|deny ?list"
    r"|\bspam|unsolicited|\bpolicy\b|policies|reputation|\bspf\b|\bdkim\b|\bdmarc\b|\bptr\b|reverse dns|\brdns\b"
    r"|reverse (host ?name|lookup)|relay(ing)? (access |is )?(denied|not (permitted|allowed))|unable to relay"
    r"|not permitted to relay|does(n't| not) relay|authentication (is )?required|banned"
)
_WHO = r"(user|recipient|mailbox|account|address|addressee|e-?mail( address| account)?|mail ?box|username|customer)"
_NO_USER = (
    rf"(no such|unknown|invalid|non-?existent|unrouteable|unavailable) (local )?{_WHO}"
    rf"|{_WHO}( \S+)?( is| was|:)? (unknown|invalid|not (found|known|valid)|unavailable|rejected: user unknown)"
    rf"|{_WHO}.{{0,80}}(does(n't| not) exist|not exist|no longer (exists|available|valid|active)|could not be found)"
    r"|no mailbox (here )?(by|with) that name|no (such )?(user|person|mailbox|recipient) (here|found|exists)"
    r"|does(n't| not) have an? \S+ account|not our customer|no account by that name|user doesn'?t exist"
    r"|recipient (address )?rejected: (user )?(unknown|undeliverable)|(account|mailbox|user|address).{0,30}"
    r"\b(is|has been|was) (disabled|deactivated|closed|deleted|terminated|discontinued)|unknown (in|to) .{0,40}table"
    r"|not listed in .{0,30}(directory|public)"
)
_NO_DOMAIN = (
    r"(no such|unknown|invalid|non-?existent|unrouteable) (domain|host)|(domain|host)( name)?( \S+)?"
    r"( is| was|:)? (not found|unknown|does(n't| not) exist)|null mx|does not accept (e-?)?mail|nxdomain"
    r"|name or service not known|name has no mx"
)
_SENDER_WORDS = (
    r"sender (address|domain|verif|id\b|is )|(return|reverse)[- ]path|mail from|from (address|domain)|helo|ehlo"
)

RULES: tuple[Rule, ...] = (
    Rule(
        "gmail-mailbox-rate",
        Kind.TRANSIENT,
        "The mailbox gets mail too quickly just now.",
        enhanced=r"[45]\.2\.1",
        text=r"receiving mail (too quickly|at a rate)",
    ),
    Rule(
        "gmail-disabled",
        Kind.HARD,
        "The mailbox is inactive or disabled.",
        codes=r"5\d\d",
        enhanced=r"5\.2\.1",
        text=r"inactive|disabled",
    ),
    Rule("unusual-rate", Kind.THROTTLE, "The receiver sees too much mail from us.", enhanced=r"[45]\.7\.28"),
    Rule(
        "our-authentication",
        Kind.BLOCK,
        "SPF, DKIM, DMARC, PTR or TLS of ours is not in order.",
        enhanced=r"[45]\.7\.(2[3-7]|29|3[0-2]|40)",
    ),
    Rule("yahoo-throttle", Kind.THROTTLE, "Yahoo limits our rate.", text=r"\[TSS?\d\d+\]"),
    Rule("yahoo-block", Kind.BLOCK, "Yahoo refuses our mail.", text=r"\[(PH|BL|GL)\d\d+\]"),
    Rule(
        "outlook-throttle",
        Kind.THROTTLE,
        "Outlook limits our rate.",
        enhanced=r"4\.7\.(500|65\d)",
        text=r"\bRP-00[1-3]\b|\bS77\d{1,3}\b|server (is )?busy",
        either=True,
    ),
    Rule(
        "outlook-block",
        Kind.BLOCK,
        "Outlook refuses our mail.",
        enhanced=r"5\.7\.(515|6\d\d|7\d\d)",
        text=r"\bS31\d\d\b|\b(SC|DY|OU)-00\d\b",
        either=True,
    ),
    Rule(
        "outlook-unavailable",
        Kind.HARD,
        "The mailbox does not exist.",
        codes=r"5\d\d",
        enhanced=r"5\.5\.0",
        text=r"mailbox unavailable",
    ),
    Rule(
        "microsoft-365-unknown",
        Kind.HARD,
        "The address does not exist.",
        codes=r"5\d\d",
        enhanced=r"5\.4\.1",
        text=r"recipient address rejected: access denied",
    ),
    Rule("icloud-block", Kind.BLOCK, "iCloud refuses our mail.", text=r"\[CS\d\d+\]"),
    Rule("greylisted", Kind.TRANSIENT, "The server asks us to come again.", text=r"gr[ae]y[- ]?list|postgrey"),
    Rule(
        "sending-quota",
        Kind.THROTTLE,
        "Our own allowance at this provider is used up.",
        text=r"(sending|message|hourly|daily|relay) quota|maximum (sending|send) rate|(sending|send) rate exceeded"
        r"|sending limit",
    ),
    Rule("quota", Kind.SOFT, "The mailbox is full.", enhanced=r"[45]\.2\.2", text=_QUOTA, either=True),
    Rule(
        "too-large", Kind.CONTENT, "The message is too large.", enhanced=r"[45]\.(2\.3|3\.4)", text=_SIZE, either=True
    ),
    Rule("policy", Kind.BLOCK, "The receiver refuses our mail by policy or reputation.", text=_BLOCK),
    Rule(
        "no-such-user",
        Kind.HARD,
        "The address does not exist.",
        codes=r"5\d\d",
        text=_NO_USER,
        unless=_SENDER_WORDS,
    ),
    Rule(
        "no-such-domain",
        Kind.HARD,
        "The domain does not exist or takes no mail.",
        codes=r"5\d\d",
        text=_NO_DOMAIN,
        unless=_SENDER_WORDS,
    ),
    Rule(
        "permanent-address",
        Kind.HARD,
        "The address is permanently unreachable.",
        codes=r"5\d\d",
        enhanced=r"5\.(1\.([0-46]|10)|2\.1|4\.4|7\.1[378])",
        unless=_SENDER_WORDS,
    ),
    Rule("no-mail-here", Kind.HARD, "The host takes no mail.", codes=r"521|556"),
    Rule("our-sender", Kind.SENDER, "The server refuses our sender address.", enhanced=r"[45]\.1\.[789]"),
    # one recipient a transaction: there is nothing to split, the limit is one of the session and passes with time
    Rule("too-many-recipients", Kind.TRANSIENT, "The server takes no more recipients now.", enhanced=r"[45]\.5\.3"),
    Rule("throttled-service", Kind.THROTTLE, "The server closes the session.", codes=r"421"),
    Rule("throttled-policy", Kind.THROTTLE, "The server asks us to slow down.", enhanced=r"4\.7\.\d+"),
    Rule("temporary", Kind.TRANSIENT, "The server has a temporary problem.", codes=r"4\d\d"),
    Rule("undetermined", Kind.UNDETERMINED, "Refused; the reply does not say why.", codes=r"5\d\d"),
)
