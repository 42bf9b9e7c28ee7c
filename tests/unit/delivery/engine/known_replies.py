"""What servers and ESPs say, by the rule that should judge it: kind, then replies as they stand in logs and bounces."""

from __future__ import annotations

REPLIES: dict[str, tuple[str, tuple[str, ...]]] = {
    "gmail-mailbox-rate": (
        "transient",
        (
            "450 4.2.1 The user you are trying to contact is receiving mail too quickly.",
            "550 5.2.1 The user is receiving mail at a rate that prevents delivery.",
        ),
    ),
    "gmail-disabled": (
        "hard",
        (
            "550 5.2.1 The email account that you tried to reach is inactive. Learn more at https://support.google.com",
            "550 5.2.1 The email account that you tried to reach is disabled.",
        ),
    ),
    "unusual-rate": (
        "throttle",
        (
            "421 4.7.28 Our system has detected an unusual rate of unsolicited mail originating from your IP address.",
            "550 5.7.28 rate of mail from your IP",
            "421-4.7.0 Our system has detected an unusual rate of unsolicited mail originating from your SPF domain.",
        ),
    ),
    "our-authentication": (
        "block",
        (
            "421 5.7.32 Your email has been rate limited, From: header not aligned.",
            "550 5.7.26 This mail has been blocked because the sender is unauthenticated.",
            "550 5.7.25 The IP address sending this message does not have a PTR record.",
            "421 4.7.29 This message was not sent over TLS.",
            "550 5.7.40 DMARC record missing.",
            "550 5.7.26 User unknown, and your mail is unauthenticated",
        ),
    ),
    "yahoo-deferred-for-good": (
        "throttle",
        (
            "421 4.7.1 [TS03] All messages from 192.0.2.1 will be permanently deferred; Retrying will NOT succeed.",
            "553 5.7.1 [TS03] messages from 192.0.2.1",
        ),
    ),
    "yahoo-throttle": (
        "throttle",
        (
            "421 4.7.0 [TSS04] Messages from 192.0.2.1 temporarily deferred due to unexpected volume",
            "421 4.7.0 [TS01] Messages from 192.0.2.1 temporarily deferred due to user complaints - 4.16.55.1",
        ),
    ),
    "yahoo-block": (
        "block",
        (
            "553 5.7.1 [BL21] Connections will not be accepted from 192.0.2.1, because the ip is in Spamhaus's list",
            "554 5.7.9 [PH01] Message not accepted for policy reasons.",
            "421 4.7.0 [GL01] Message from (192.0.2.1) temporarily deferred",
            "553 VS10-RT Possible forgery or deceptive subject line",
        ),
    ),
    "outlook-network-block": (
        "block",
        (
            "550 5.7.1 Unfortunately, messages from [192.0.2.1] weren't sent. Contact your Internet service provider"
            " since part of their network is on our block list (S3150).",
        ),
    ),
    "outlook-throttle": (
        "throttle",
        (
            "421 RP-001 The mail server IP connecting to Outlook.com server has exceeded the rate limit allowed.",
            "451 4.7.500 Server busy. Please try again later from [192.0.2.1]. (AS77713)",
            "451 4.7.652 The mail server [192.0.2.1] has exceeded the maximum number of connections.",
            "451 4.7.650 The mail server [192.0.2.1] has been temporarily rate limited due to IP reputation. (S775)",
            "550 Server busy",
        ),
    ),
    "outlook-block": (
        "block",
        (
            "550 5.7.1 Service unavailable, messages from [192.0.2.1] weren't sent (S3140).",
            "550 SC-001 (BAY004-MC1F37) Unfortunately, messages from 192.0.2.1 weren't sent.",
            "550 DY-002 dynamic address",
            "550 OU-002 content of the message",
            "550 5.7.515 Access denied, sending domain example.com does not meet the required authentication level.",
            "550 5.7.606 Access denied, banned sending IP [192.0.2.1]. To request removal visit https://sender.office.com",
            "550 5.7.705 Access denied, tenant has exceeded threshold",
        ),
    ),
    "outlook-unavailable": ("hard", ("550 5.5.0 Requested action not taken: mailbox unavailable (S2017062302).",)),
    "microsoft-365-unknown": (
        "hard",
        ("550 5.4.1 [a@b.example]: Recipient address rejected: Access denied. AS(201806281) [X.prod.outlook.com]",),
    ),
    "exchange-unknown": (
        "hard",
        ("550 5.1.10 RESOLVER.ADR.ExRecipNotFound; not found", "550 RESOLVER.ADR.RecipNotFound"),
    ),
    "restricted-recipient": (
        "undetermined",
        (
            "550 5.7.133 RESOLVER.RST.SenderNotAuthenticatedForGroup; authentication required",
            "550 5.7.124 Sender not in allowed-senders list",
            "550 5.7.1 RESOLVER.RST.NotAuthorized; not authorized",
            "550 5.7.1 TRANSPORT.RULES.RejectMessage; the message was rejected by organization policy",
        ),
    ),
    "icloud-block": ("block", ("554 5.7.1 [CS01] Message rejected due to local policy.", "550 5.7.1 [HM08] rejected")),
    "comcast-throttle": (
        "throttle",
        ("421 4.1.0 192.0.2.1 Throttled - try again later. Please see http://postmaster.comcast.net/ RL000003",),
    ),
    "comcast-block": (
        "block",
        ("554 resimta-po-01v.sys.comcast.net comcast 192.0.2.1 Comcast block for spam.", "550 5.7.1 DM000001"),
    ),
    "cox-block": ("block", ("550 5.1.0 <b@bounce.example> sender rejected. AUP#In-1310", "552 AUP#CDRBL")),
    "orange-throttle": (
        "throttle",
        ("421 mwinf5c04 ME Trop de connexions, veuillez verifier. Too many connections. OFR004_104",),
    ),
    "orange-block": (
        "block",
        ("550 5.2.0 Mail rejete. Mail rejected. OFR_506 [506]", "550 5.5.0 Service refuse. LPN001_108"),
    ),
    "gmx-block": (
        "block",
        (
            "554-gmx.net (mxgmx015) Nemesis ESMTP Service not available\n554-No SMTP service\n554 Bad DNS PTR record.",
            "550 Reject due to policy restrictions.",
        ),
    ),
    "t-online-block": (
        "block",
        ("554 IP=192.0.2.1 - A problem occurred. (Ask your postmaster for help or contact tosa@rx.t-online.de)",),
    ),
    "qq-throttle": (
        "throttle",
        ("550 Ip frequency limited. http://service.mail.qq.com/", "550 Domain frequency limited"),
    ),
    "netease-throttle": (
        "throttle",
        ("421 HL:ICC 163 mx10,12345 http://mail.163.com", "451 MI:SFQ 163 smtp3", "451 RP:TRC"),
    ),
    "netease-block": (
        "block",
        ("554 DT:SPM 163 mx1,12345 http://mail.163.com/help", "554 HL:IPB 126 mx3", "550 MI:SPB 163"),
    ),
    "mimecast-block": (
        "block",
        (
            "550 Administrative prohibition - envelope blocked - https://community.mimecast.com/docs/DOC-1369#550",
            "550 Rejected by header based Anti-Spoofing policy: a@b.example",
        ),
    ),
    "free-throttle": (
        "throttle",
        ("421 Too many spams from your IP (192.0.2.1), please visit http://postmaster.free.fr/",),
    ),
    "greylisted": (
        "transient",
        (
            "451 4.7.1 Greylisting in action, please come back later",
            "450 4.2.0 <a@b.example>: Recipient address rejected: Greylisted, see http://postgrey.example",
            "451 You have been graylisted",
            "450 4.7.1 grey-listed",
        ),
    ),
    "sending-quota": (
        "throttle",
        (
            "454 Throttling failure: Daily message quota exceeded.",
            "454 Throttling failure: Maximum sending rate exceeded.",
            "550 5.4.5 Daily user sending limit exceeded. For more information on Gmail sending limits",
        ),
    ),
    "rate-limited": (
        "throttle",
        (
            "451 4.7.1 Please slow down",
            "450 4.7.1 Error: too many connections from 192.0.2.1",
            "421 4.7.0 Too many concurrent SMTP connections",
            "450 4.1.1 rate limit exceeded, retry later",
        ),
    ),
    "system-full": (
        "transient",
        ("452 4.3.1 Insufficient system storage", "452 4.4.5 Insufficient disk space; try later"),
    ),
    "quota": (
        "soft",
        (
            "452 4.2.2 The recipient's inbox is out of storage space.",
            "552 5.2.2 The account is over its limit",
            "552 Mailbox is full",
            "550 5.7.1 user is over quota",
            "552 5.2.2 no such storage, user unknown, quota exceeded",
            "552-5.2.2 The recipient's inbox is out of storage space and inactive.\n552 5.2.2 OverQuotaPerm",
            "550 <a@b.example> exceeded storage allocation",
            "554 5.2.2 mailbox full; STOREDRV.Deliver.Exception:QuotaExceededException",
            "552 <a@b.example>: Recipient mailbox would exceed maximum allowed size",
            "550 La boite du destinataire est pleine",
        ),
    ),
    "account-disabled": (
        "hard",
        (
            "550 5.7.13 User account disabled",
            "525 5.7.13 <a@b.example>: Recipient address rejected: User account disabled",
            "550 5.7.13",
        ),
    ),
    "suspended": (
        "soft",
        (
            "550 Mailbox is frozen. See http://mail.i.ua/err/3/",
            "550 5.5.0 Le compte du destinataire est bloque. The recipient account is blocked. LPN007_426",
            "550 5.7.1 <a@b.example>: Recipient address rejected: User a@b.example temporary locked.",
            "550 account suspended",
            "554 delivery error: This account has been disabled or discontinued [#102]. - mta222",
            "550 5.7.1 <a@b.example>: Recipient address rejected: account inactive",
        ),
    ),
    "too-large": (
        "content",
        (
            "552 5.3.4 Message size exceeds fixed limit",
            "552 5.2.3 no",
            "554 message is too large for this server",
            "552 5.3.4 Message exceeds maximum fixed size",
        ),
    ),
    "content": (
        "content",
        (
            "554 5.7.1 Message contains a virus (Eicar-Test)",
            "552-5.7.0 This message was blocked because its content presents a potential\n552 5.7.0 security issue.",
            "554 Transaction failed: Duplicate header 'DKIM-Signature'.",
            "550-5.7.1 [192.0.2.1 13] Messages with multiple addresses in From:\n550 5.7.1 header are not accepted.",
        ),
    ),
    "our-account": (
        "block",
        (
            "550 5.7.1 Your account has been suspended",
            "454 4.7.0 Sending paused for this account.",
            "550 Your account disabled",
        ),
    ),
    "our-login": (
        "block",
        (
            "530 5.7.0 Authentication required",
            "550 5.7.1 Client was not authenticated",
            "535 5.7.8 Authentication failed",
        ),
    ),
    "relay": (
        "block",
        (
            "550 5.7.1 Relaying denied",
            "554 5.7.1 <a@b.example>: Relay access denied",
            "553 sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)",
            "550 5.7.54 SMTP; Unable to relay recipient in non-accepted domain",
            "501 Rcpt-To validation failed: 5.7.1 This system is not configured to relay mail",
        ),
    ),
    "blocklist": (
        "block",
        (
            "554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using zen.spamhaus.org",
            "550 5.7.1 IP address blacklisted by recipient",
            "554 Service unavailable; Client host blocked using Barracuda Reputation; see http://www.barracudanetworks.com",
            "553 5.3.0 flpd590 DNSBL:RBL 521< 192.0.2.1 >_is_blocked.For assistance forward this error",
            "554 5.7.1 Blocked - see https://ipcheck.proofpoint.com/?ip=192.0.2.1",
        ),
    ),
    "authentication-text": (
        "block",
        (
            "550 SPF check failed",
            "450 4.7.1 Client host rejected: cannot find your reverse hostname",
            "550 5.7.1 Unauthenticated email from example.com is not accepted due to domain's DMARC policy.",
            "554 5.7.1 [C14] Missing reverse DNS for 192.0.2.1",
            "550 5.5.0 domain [example.com] mismatches client ip 192.0.2.1.",
        ),
    ),
    "spam": (
        "block",
        (
            "550 This message was classified as SPAM and may not be delivered",
            "550 5.7.1 Message content rejected, UBE, id=22220-02-222",
            "554 5.7.0 Reject, id=22222-22 - SPAM. See http://mx.example/block",
            "550 spam message rejected. Please visit http://help.mail.ru/notspam-support",
            "550 High probability of spam",
            "550 Mail content denied. http://service.mail.qq.com/",
        ),
    ),
    "policy": (
        "block",
        (
            "550 5.7.0 Message rejected for policy reasons",
            "550-5.7.1 very low reputation of the sending\n550 5.7.1 address.",
            "550 5.7.0 <a@b.example>... Please use the smtp server of your ISP.",
            "554-Your access to this mail system has been rejected due to the sending MTA's poor reputation.",
            "550 Access from ip address 192.0.2.1 blocked. Visit http://help.mail.ru/postmaster/rules",
            "550 5.7.1 The user or domain that you are sending to has a policy that prohibited the mail that you sent.",
        ),
    ),
    "routing-loop": ("undetermined", ("554 5.4.6 Too many hops", "550 mail for b.example loops back to myself")),
    "unreachable": (
        "transient",
        (
            "550 5.4.7 Delivery expired",
            "450 4.4.1 Connection timed out",
            "421 4.4.2 mx.example Error: timeout exceeded",
            "554 I'm not going to try again; this message has been in the queue too long.",
        ),
    ),
    "says-later": ("transient", ("550 Please try again later", "554 Temporary failure of a lookup", "550 local error")),
    "no-such-user": (
        "hard",
        (
            "550 No such user here",
            "550 5.1.1 <a@b.example>: Recipient address rejected: User unknown in virtual mailbox table",
            "554 The email account that you tried to reach does not exist",
            "550 mailbox not found",
            "550 Requested action not taken: mailbox unavailable",
            "550-5.1.1 The email account that you tried to reach does not exist. Please try\n"
            "550-5.1.1 double-checking the recipient's email address for typos or\n550 5.1.1 unnecessary spaces.",
            "554 delivery error: dd This user doesn't have a yahoo.com account (a@yahoo.example) [0] - mta1",
            "550 sorry, no mailbox here by that name. (#5.1.1)",
            "550 5.1.1 <a@spam-filter.example>: User unknown",
            "550 5.1.1 Adresse d au moins un destinataire invalide. Invalid recipient. OFR004_416",
            "550 Not our customer",
            "550 Unrouteable address",
            "550 Invalid Recipient - https://community.mimecast.com/docs/DOC-1369#550",
            "550 a@b.example no longer exists here",
            "550 Message was not accepted -- invalid mailbox. Local mailbox a@b.example is unavailable: user not found",
            "550 a@b.example: This address no longer accepts mail.",
            "551 User not local; please try <x@y.example>",
            "550 #5.1.0 Address unknown",
            "553 Invalid recipient a@b.example (Mode: normal)",
            "550 User not found: a@b.example",
            "550 L'adresse de messagerie référencée ci-dessus n'existe pas",
            "550 Der Empfänger a@b.example existiert nicht",
            "550 El usuario a@b.example no existe",
            "550 Utente sconosciuto",
            "550 Такого пользователя нет",
            "550 收件人不存在",
            "550 5.1.1 User a@b.example is not found in relay table",
        ),
    ),
    "no-such-domain": (
        "hard",
        (
            "550 Unrouteable domain",
            "550 Host unknown",
            "550 5.4.4 Invalid domain",
            "556 5.1.10 Recipient address has null MX",
            "550 5.1.2 Host or domain name not found. Name service error for name=b.example type=A: Host not found",
        ),
    ),
    "permanent-address": (
        "hard",
        (
            "550 5.1.1 no",
            "550 5.1.0 no",
            "550 5.1.10 no",
            "550 5.2.1 no",
            "550 5.4.4 no",
            "550 5.7.17 no",
            "550 #5.1.0 Address rejected.",
            "550 5.1.6 recipient gone: a@b.example",
        ),
    ),
    "no-mail-here": ("hard", ("521 go away", "556 go away", "521 5.3.2 System not accepting network messages")),
    "our-sender": (
        "sender",
        (
            "550 5.1.8 <x@y.example>: Sender address rejected: Domain not found",
            "451 4.1.8 Sender address cannot be checked",
            "553 5.1.7 no",
            "550 Sender verify failed",
            "554 Message rejected: Email address is not verified. The following identities failed the check",
            "550 5.7.60 SMTP; Client does not have permissions to send as this sender",
        ),
    ),
    "too-many-recipients": ("transient", ("452 4.5.3 Too many recipients", "452 too many recipients")),
    "throttled-service": ("throttle", ("421 Closing transmission channel", "421 4.3.2 Service shutting down")),
    "throttled-policy": ("throttle", ("451 4.7.1 Please be patient",)),
    "temporary": (
        "transient",
        ("451 4.3.0 Temporary lookup failure", "450 4.1.1 User unknown in local recipient table"),
    ),
    "dialogue": ("undetermined", ("504 Command parameter not implemented", "503 Bad sequence of commands")),
    "undetermined": ("undetermined", ("550 No", "550 5.7.1 Refused", "554 5.0.0 Transaction failed")),
}

ESP_TEXTS: dict[str, tuple[str, tuple[str, ...]]] = {
    "esp-sender": (
        "sender",
        (
            "Email address is not verified. The following identities failed the check in region EU-WEST-1: a@b.example",
            "The 'From' address you supplied is not a Sender Signature on your account.",
            "The from address does not match a verified Sender Identity.",
            "Unconfigured Sending Domain <b.example>",
        ),
    ),
    "esp-account": (
        "block",
        (
            "Sending paused for this account. For more information, please check the inbox of the email address",
            "Domain sandbox123.mailgun.org is not allowed to send: Sandbox subdomains are for test purposes only.",
            "Unauthorized",
            "Invalid API key",
            "Your account is suspended.",
        ),
    ),
    "esp-quota": (
        "throttle",
        (
            "Maximum credits exceeded",
            "Daily message quota exceeded",
            "Too many requests",
            "You reached your sending limit",
        ),
    ),
    "esp-complained": (
        "hard",
        ("Not delivering to a user who marked your messages as spam", "Spam Reporting Address", "complained"),
    ),
    "esp-unsubscribed": ("hard", ("Not delivering to unsubscribed address", "Unsubscribed Address", "unsub")),
    "esp-suppressed": (
        "hard",
        (
            "You tried to send to recipient(s) that have been marked as inactive. Found inactive addresses: a@b.ex."
            " Inactive recipients are ones that have generated a hard bounce, a spam complaint, or a suppression.",
            "Address blacklisted",
            "Recipient is on the suppression list",
            "Amazon SES has suppressed sending to this address because it is on the suppression list for your account",
            "Message generation rejected: recipient address suppressed due to customer policy",
            "Not delivering to previously bounced address",
            "Bounced Address",
            "hard-bounce",
            "permanent_unavailable",
            "MS42225 The to.0.email is in the hard bounces list.",
            "Contact is blacklisted",
        ),
    ),
    "esp-invalid-address": (
        "hard",
        (
            "'to' parameter is not a valid address. please check documentation",
            "Invalid 'To' address: 'a@b'.",
            '"a@b" is an invalid email address.',
            "Does not contain a valid address.",
            "The to.0.email must be a valid email address.",
        ),
    ),
    "esp-content": (
        "content",
        ("Message too large", "Request entity too large: the payload is too large", "Illegal attachment"),
    ),
}
