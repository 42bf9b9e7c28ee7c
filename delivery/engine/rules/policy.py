"""Rules for refusals that are about us and not about the address: reputation, policy, log-in, routes."""

from __future__ import annotations

from delivery.engine.outcome import Kind
from delivery.engine.rule import Rule

BLOCKLISTS = (
    "*spamhaus*", "*spamcop*", "*barracuda*", "*sorbs*", "*proofpoint*", "*cloudmark*", "*senderscore*",
    "*invaluement*", "*uceprotect*", "*abuseat*", "*mailspike*", "*senderbase*", "*fortiguard*", "*abusix*",
    "*backscatterer*", "*manitu*", "*trend micro email reputation*", "cbl", "surbl", "*surbl*", "uribl", "*uribl*",
    "rbl", "*rbl", "*dnsbl*", "dns black|block list", "blocklist*", "blacklist*", "block|black list|listed|lists",
    "denylist*", "deny list", "*/rbl/*",
)  # fmt: skip

POLICY = (
    Rule(
        "our-account",
        Kind.BLOCK,
        "The provider has stopped our own account.",
        phrases=(
            "your account * disabled|suspended|blocked|locked|deactivated|restricted|paused|terminated|inactive",
            "sending * paused|suspended|disabled for this|your account",
            "outgoing|outbound * blocked|suspended|disabled",
            "tenant * exceeded|blocked",
        ),
        pause_seconds=600,
        alert=True,
    ),
    Rule(
        "our-login",
        Kind.BLOCK,
        "The server wants a log-in, or refuses ours.",
        codes="530, 534, 535, 538, 550, 553, 554",
        phrases=(
            "authentication * required|needed|failed|unsuccessful",
            "authentication credentials invalid",
            "must authenticate|login",
            "must log in",
            "turn on|enable|use smtp authentication",
            "smtp auth * required",
            "client was not authenticated",
            "not logged in",
            "invalid credentials",
            "relay|relaying * without auth*",
            "must issue a starttls",
        ),
        # what a receiver misses is SPF, DKIM or DMARC, not a log-in
        unless=("spf", "dkim", "dmarc", "sender|domain|email|message authentication"),
        alert=True,
    ),
    Rule(
        "relay",
        Kind.BLOCK,
        "The server does not pass mail on for us.",
        phrases=(
            "relay* denied|prohibited|disallowed|refused|rejected|forbidden",
            "relay* access|operation|is|attempt denied|rejected",
            "relay* not permitted|allowed|authorized|supported",
            "relay* is not permitted|allowed",
            "unable|unauthorized|unauthorised|not to|configured|permitted|allowed|authorized * relay",
            "not relay",
            "not in my list of allowed rcpthosts",
            "*rcpthosts*",
            "we do not relay",
            "open relay",
        ),
        alert=True,
    ),
    Rule(
        "blocklist",
        Kind.BLOCK,
        "Our address or domain stands on a block list.",
        phrases=BLOCKLISTS,
        alert=True,
    ),
    Rule(
        "authentication-text",
        Kind.BLOCK,
        "SPF, DKIM, DMARC or reverse DNS of ours is not in order.",
        phrases=(
            "spf", "dkim", "dmarc", "ptr", "rdns", "reverse|reversed dns", "reverse|rev lookup|host|hostname|record",
            "reverse host name", "cannot find your hostname|host", "can not find your hostname|host|reverse",
            "unauthenticated", "fcrdns", "mismatches client ip", "no * reverse", "helo|ehlo * rejected|invalid|bad",
            "helo|ehlo * not match|resolve", "need fully qualified", "hostname not found|resolved|valid",
            "authentication information|checks",
        ),
        unless=("user unknown",),
        alert=True,
    ),
    Rule(
        "spam",
        Kind.BLOCK,
        "The receiver takes the message for spam.",
        phrases=(
            "spam*", "*垃圾邮件*", "*垃圾郵件*", "anti spam*", "antispam*", "ube", "uce", "unsolicited",
            "junk mail|email", "junkmail*", "*spamverdacht*", "bulk mail|email",
            "phish*", "content denied|rejected|refused|blocked|filtered", "content * rejected|denied|blocked",
            "message|mail filtered", "looks like * spam", "suspicious", "blacklisted url|link", "forgery",
            "deceptive",
        ),
        alert=True,
    ),
    Rule(
        "policy",
        Kind.BLOCK,
        "The receiver refuses our mail by policy or reputation.",
        phrases=(
            "policy", "policies", "content restrictions", "reputation",
            "block", "blocked", "blocking", "banned", "prohibited",
            "prohibits", "prohibit", "not in * whitelist", "whitelist*", "allowlist*", "access * forbidden",
            "*sperrliste*", "access * has been rejected|denied", "access from ip address",
            "client host rejected", "host|server|ip|connection|client * rejected|refused by",
            "not accepting * from", "will not accept * from", "do not accept * from", "use the smtp server of your isp",
            "use your isp|provider", "dynamic|residential ip|address|host|pool", "bad dns", "abuse", "complaints",
            "message|email|mail refused|denied by", "unacceptable", "administratively",
            "not authorized|allowed to send|connect",
            "service refused", "security reasons|policy|policies|violation", "security violation", "badmailfrom",
            "envelope sender is in my",
        ),
        alert=True,
    ),
    Rule(
        "routing-loop",
        Kind.UNDETERMINED,
        "The receiver's servers send mail round in circles.",
        enhanced="*.4.6",
        phrases=("too many hops", "hop count exceeded", "mail|routing loop", "loops back to", "mail loops", "looping"),
        either=True,
    ),
    Rule(
        "unreachable",
        Kind.TRANSIENT,
        "The receiver's server cannot be reached at the moment.",
        enhanced="4.4.1, 4.4.2, *.4.7",
        phrases=(
            "timed out", "timeout", "time out", "connection refused|reset|dropped|lost|closed|failed",
            "could not connect", "unable to connect", "can not connect", "did not accept * connect", "not responding",
            "no route to host", "network * unreachable", "network error", "socket error", "host * down",
            "envelope expired", "retry time|timeout", "in the queue too long", "too long in * queue",
            "delivery|message time|expired expired", "message expired", "has been delayed", "not yet been delivered",
            "did not respond", "does not respond", "could not * delivered for|within",
            "not delivered within", "hosts have been failing", "try|name again host not found",
        ),
        either=True,
        unless=("user|recipient|mailbox unknown", "unknown user|recipient|mailbox", "no such user"),
    ),
)  # fmt: skip
