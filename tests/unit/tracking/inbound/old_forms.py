"""Messages that came back as gateways, list servers and older mail servers write them, written for the tests."""

from __future__ import annotations

from tests.unit.tracking.inbound.forms import LEA, Expected, hard, one, report
from tests.unit.tracking.inbound.samples import plain

COPY = "Received: from x by y; Mon, 2 Mar 2026\nFrom: news@sender.example\nTo: x@else.example\nSubject: Spring\n"

OLD_FORMS: tuple[tuple[str, bytes, Expected], ...] = (
    ("james",
     plain("postmaster@relay.sender.example", "[BOUNCE]",
           "Hi. This is the James mail server at relay.sender.example.\nI'm afraid I wasn't able to deliver"
           " your message"
           " to the following addresses.\nThis is a permanent error; I've given up. Sorry it didn't work out.  Below\n"
           "I include the list of recipients and the reason why I was unable to deliver\nyour message.\n\n"
           f"Failed recipient(s):\n{LEA}\n\nError message:\n550 5.1.1 no such user here\n\nMessage details:\n"
           "  Subject: Spring\n  Sent date: Mon Mar 02 10:00:00 GMT 2026\n  MAIL FROM: news@sender.example\n"
           f"  RCPT TO: {LEA}\n"), hard()),
    ("active hunter",
     plain("MAILER-DAEMON@relay.sender.example", "FAILURE NOTICE :",
           f"  ----- The following addresses had permanent fatal errors -----\n\n>>> {LEA} <{LEA}>\n\n"
           "  ----- Transcript of session follows -----\n550 sorry, no mailbox here by that name (#5.1.1 - chkusr)\n"),
     hard()),
    ("interscan",
     plain("InterScan MSS <mailadmin@relay.sender.example>", "Mail could not be delivered",
           f"Sent <<< RCPT TO:<{LEA}>\nReceived >>> 550 5.1.1 <{LEA}>... user unknown\n\n"
           f"Unable to deliver message to {LEA}\n"), hard()),
    ("mailmarshal",
     plain("MailMarshal@relay.sender.example", 'Undeliverable Mail: "Spring"',
           "Your message:\n   From:    news@sender.example\n   Subject: Spring\n\nCould not be delivered because of\n\n"
           f"550 5.1.1 User unknown\n\nThe following recipients were affected: \n    {LEA}\n\n"
           "Additional Information\n======================\nOriginal Sender:    <news@sender.example>\n"), hard()),
    ("m-filter",
     plain("Mailer Daemon <MAILER-DAEMON@relay.sender.example>", "failure notice",
           f"[{LEA} SMTP Server の応答]\n-------server message \n550 5.1.1 unknown user <{LEA}>\n"
           f"-------SMTP command \nRCPT TO\n-------original message \n{COPY}"), hard()),
    ("surfcontrol",
     plain("Mail Server <postmaster@relay.sender.example>", "Message could not be delivered",
           "Your message could not be sent.\nA transcript of the attempts to send the message follows.\n"
           f"The number of attempts made: 1\nAddressed To: {LEA}\n\nMon 2 Mar 2026 10:00:00 +0100\n"
           f"Failed to send to identified host,\n{LEA}: [192.0.2.7], 550 {LEA}... No such user\n"
           "--- Message non-deliverable.\n"), hard()),
    ("technical details",
     plain("Mail Delivery System <MAILER-DAEMON@relay.sender.example>", "Delivery status notification",
           "=" * 70 + "\n      This is an automatically generated Delivery Status Notification.\n\n"
           f"Delivery to the following recipients failed permanently:\n\n  * {LEA}\n\n" + "=" * 70 +
           "\n                         Technical details:\n\n"
           f"SMTP:RCPT host 192.0.2.7: 553 5.3.0 <{LEA}>... No such user here\n\n" + "=" * 70 + "\n"), hard()),
    ("trouble",
     plain("MAILER-DAEMON@relay.sender.example", "There was an error sending your mail",
           "We had trouble delivering your message. Full details follow:\n\nSubject: 'Spring'\n"
           "Date: 'Mon, 2 Mar 2026 10:00:00 +0100'\n\n1 error(s):\n\nSMTP Server <mx.there.example> rejected recipient"
           f" <{LEA}> (following error: 550 5.1.1 User unknown). The attachment contains the original mail headers.\n"),
     hard()),
    ("yahoo, recipient",
     plain("MAILER-DAEMON@yahoo.example", "Failure Notice",
           "Sorry, we were unable to deliver your message to the following address.\n\n"
           f"<{LEA}>:\nRemote host said:\n550 User unknown\n [RCPT_TO]\n\n--- Below this line is a copy of the message."
           f"\n\n{COPY}"), hard()),
    ("yahoo, body",
     plain("MAILER-DAEMON@yahoo.example", "Failure Notice",
           "Sorry, we were unable to deliver your message to the following address.\n\n"
           f"<{LEA}>:\nRemote host said:\n550 User unknown\n [BODY]\n\n--- Below this line is a copy of the message."
           f"\n\n{COPY}"), one("undetermined")),
    ("yahoo, sender",
     plain("MAILER-DAEMON@yahoo.example", "Failure Notice",
           "Sorry, we were unable to deliver your message to the following address.\n\n"
           f"<{LEA}>:\nRemote host said:\n553 unknown user\n [MAIL_FROM]\n\n--- Below this line is a copy of the"
           f" message.\n\n{COPY}"), one("undetermined")),
    ("gmx, text",
     plain("mailer-daemon@gmx.example", "Mail delivery failed: returning message to sender",
           "A message that you sent could not be delivered to one or more of its recipients. The following addresses"
           f" failed:\n\n\"{LEA}\":\nSMTP error from remote server after transfer of mail text:\nhost:"
           " mx.there.example\n550 user unknown\n"), one("undetermined")),
    ("1and1, recipient",
     plain("mailer-daemon@kundenserver.example", "Mail delivery failed: returning message to sender",
           "This message was created automatically by mail delivery software.\n\nA message that you sent could not be"
           f" delivered to one or more of\nits recipients. This is a permanent error.\n\nThe following address failed:"
           f"\n\n{LEA}:\nSMTP error from remote server for RCPT TO command, host: mx.there.example (192.0.2.7) reason:"
           " 550 No such user here\n\n--- The header of the original message is following. ---\n\n" + COPY), hard()),
    ("1and1, text",
     plain("mailer-daemon@kundenserver.example", "Mail delivery failed: returning message to sender",
           "This message was created automatically by mail delivery software.\n\nA message that you sent could not be"
           f" delivered to one or more of\nits recipients. This is a permanent error.\n\nThe following address failed:"
           f"\n\n{LEA}:\nSMTP error from remote server for TEXT command, host: mx.there.example (192.0.2.7) reason:"
           " 550 user unknown\n\n--- The header of the original message is following. ---\n\n" + COPY),
     one("undetermined")),
    ("netscape",
     plain("Mail Delivery Service <postmaster@there.example>", "Delivery Status Notification: Mail Delivery Failed",
           "This Message was undeliverable due to the following reason:\n\nOne or more of the recipients of"
           " your message"
           " did not receive it\nbecause they would have exceeded their mailbox size limit.\n\n"
           f"     User quota exceeded: SMTP <{LEA}>\n\nPlease reply to <postmaster@there.example>\nif you feel this"
           " message to be in error.\n"), one("soft")),
    ("groupwise",
     plain("Postmaster <Postmaster@there.example>", "Message status - undeliverable",
           "The message that you sent was undeliverable to the following:\n"
           f"\t{LEA} (user not found)\n\nPossibly truncated original message follows:\n\n{COPY}"), hard()),
    ("compuserve",
     plain("Electronic Postmaster <POSTMASTER@there.example>", "Undeliverable Message",
           f"Receiver not found: lea\n\nYour message could not be delivered as addressed:\n\n{LEA}\n\n"
           f"--- Returned message ---\n\n{COPY}"), hard()),
    ("imail, list of failures",
     plain("Postmaster <postmaster@there.example>", "Undeliverable Mail",
           f"Unknown host: {LEA}\n\n\nOriginal message follows.\n\n{COPY}"), hard()),
    ("imail, not ours",
     plain("Postmaster <postmaster@there.example>", "Undeliverable Mail",
           f"undeliverable to {LEA}\nnot accepted by there.example: 550 5.1.1 User unknown\n\n"
           f"\nOriginal message follows.\n\n{COPY}"), hard()),
    ("fields and dots",
     plain("MAILER-DAEMON@relay.sender.example", "Undeliverable mail",
           "This is the Mail Delivery System at relay.sender.example.\n\nRecipient: <lea@there.example>\n"
           "Reason:    5.1.1 Unknown user\nMessage:   Spring\n"), hard()),
    ("message centre",
     plain("Message Center <postmaster@there.example>", "Delivery failure (lea@there.example)",
           f"This is an automatically generated notice.\n\nYour e-mail to {LEA} has been returned because the mailbox"
           " is full.\n"), one("soft")),
    ("facebook",
     report("Facebook <mailer-daemon@mx.facebook.example>", "Sorry, your message could not be delivered",
            "This message was created automatically by Facebook.\n\nSorry, your message could not be delivered to the"
            f" following recipient:\n{LEA}",
            "Reporting-MTA: dns; facebook.example\n\n"
            f"Status: 5.1.1\nAction: failed\nFinal-Recipient: rfc822; {LEA}\nDiagnostic-Code: smtp; 550 5.1.1 RCP-P1"
            " http://postmaster.facebook.example/response_codes?ip=192.0.2.1#rcp\n"), hard()),
    ("receiving at ses",
     report("MAILER-DAEMON@amazonses.example", "Delivery Status Notification (Failure)",
            "This message could not be delivered.",
            f"Reporting-MTA: dns; inbound-smtp.amazonaws.example\n\nFinal-Recipient: rfc822; {LEA}\nAction: failed\n"
            "Status: 5.1.1\nDiagnostic-Code: smtp; 550 5.1.1 Mailbox does not exist\n"), hard()),
    ("workmail, expired",
     report("MAILER-DAEMON@amazonses.example", "Undelivered: Spring",
            "Message couldn't be delivered: the message expired.",
            f"Reporting-MTA: dns; workmail.example\n\nFinal-Recipient: rfc822; {LEA}\nAction: failed\n"
            "Status: 4.4.7\nDiagnostic-Code: smtp; 550 4.4.7 Message expired: unable to deliver in 840 minutes.\n"),
     one("transient")),
    ("google groups",
     plain("Mail Delivery Subsystem <mailer-daemon@googlegroups.example>", "Delivery Status Notification (Failure)",
           "Hello news@sender.example,\n\nWe're writing to let you know that the group you tried to contact (readers)"
           " may not exist, or you may not have permission to post messages to the"
           " group.\n", f"X-Failed-Recipients: {LEA}\n"),
     one("undetermined")),
    ("list server",
     plain("majordomo-owner@lists.there.example", "Returned mail: Host unknown",
           f"   ----- Transcript of session follows -----\n550 <{LEA}>... Host unknown (Name server:"
           f" there.example: host"
           f" not found)\n\n   ----- Unsent message follows -----\n{COPY}"), hard()),
    ("sina",
     plain("MAILER-DAEMON@sina.example", "Delivery failure notice",
           "Hi,\n This is the deliver program at sina.example.\n I'm afraid I wasn't able to deliver your"
           " message to the"
           " following addresses.\n This is a permanent error; I've given up. Sorry it didn't work out.\n\n"
           f"{LEA}:\nReason: user does not exist\n"), hard()),
    ("vpopmail",
     plain("MAILER-DAEMON@there.example", "failure notice",
           f"Hi. This is the qmail-send program at there.example.\n\n<{LEA}>:\nuser is over quota\n\n---"
           f" Below this line"
           f" is a copy of the message.\n\n{COPY}"), one("soft")),
    ("vpopmail, unknown",
     plain("MAILER-DAEMON@there.example", "failure notice",
           f"Hi. This is the qmail-send program at there.example.\n\n<{LEA}>:\nSorry, no mailbox here by that name."
           f" vpopmail (#5.1.1)\n\n--- Below this line is a copy of the message.\n\n{COPY}"), hard()),
    ("qmail, no host",
     plain("MAILER-DAEMON@relay.sender.example", "failure notice",
           f"Hi. This is the qmail-send program at relay.sender.example.\n\n<{LEA}>:\nSorry, I couldn't find any host"
           f" named there.example. (#5.1.2)\n\n--- Below this line is a copy of the message.\n\n{COPY}"), hard()),
    ("qmail, too long in the queue",
     plain("MAILER-DAEMON@relay.sender.example", "failure notice",
           f"Hi. This is the qmail-send program at relay.sender.example.\n\n<{LEA}>:\nSorry, I wasn't able to establish"
           " an SMTP connection. (#4.4.1)\nI'm not going to try again; this message has been in the queue too long.\n\n"
           f"--- Below this line is a copy of the message.\n\n{COPY}"), one("transient")),
    ("zimbra",
     report("MAILER-DAEMON@relay.sender.example (Mail Delivery System)", "Undelivered Mail Returned to Sender",
            f"<{LEA}>: host mx.there.example[192.0.2.7] said: 552 5.2.2\n    Over quota (in reply to RCPT TO command)",
            f"Reporting-MTA: dns; relay.sender.example\n\nFinal-Recipient: rfc822; {LEA}\nAction:"
            f" failed\nStatus: 5.2.2\n"
            "Diagnostic-Code: smtp; 552 5.2.2 Over quota\n"), one("soft")),
    ("lmtp, full",
     report("MAILER-DAEMON@there.example", "Undelivered Mail Returned to Sender",
            f"<{LEA}>: host there.example[private/dovecot-lmtp] said: 552 5.2.2\n    <{LEA}> Quota exceeded"
            f" (mailbox for"
            " user is full) (in reply to end of\n    DATA command)",
            f"Reporting-MTA: dns; there.example\n\nFinal-Recipient: rfc822; {LEA}\nAction: failed\nStatus: 5.2.2\n"
            f"Diagnostic-Code: smtp; 552 5.2.2 <{LEA}> Quota exceeded (mailbox for user is full)\n"), one("soft")),
    ("pipe, unknown user",
     report("MAILER-DAEMON@there.example", "Undelivered Mail Returned to Sender",
            f"<{LEA}>: unknown user: \"lea\"",
            f"Reporting-MTA: dns; there.example\n\nFinal-Recipient: rfc822; {LEA}\nAction: failed\nStatus: 5.1.1\n"
            "Diagnostic-Code: x-postfix; unknown user: \"lea\"\n"), hard()),
    ("sendmail, host not found",
     report("Mail Delivery Subsystem <MAILER-DAEMON@relay.sender.example>",
            "Returned mail: Host unknown (Name server: there.example: host not found)",
            f"   ----- The following addresses had permanent fatal errors -----\n<{LEA}>\n\n"
            f"   ----- Transcript of session follows -----\n550 5.1.2 <{LEA}>... Host unknown (Name server:"
            " there.example: host not found)",
            f"Reporting-MTA: dns; relay.sender.example\n\nFinal-Recipient: RFC822; {LEA}\nAction:"
            f" failed\nStatus: 5.1.2\n"
            "Remote-MTA: DNS; there.example\n"), hard()),
    ("sendmail, deferred",
     report("Mail Delivery Subsystem <MAILER-DAEMON@relay.sender.example>", "Warning: could not send message"
         " for past 4 hours",
            "    **********************************************\n    **      THIS IS A WARNING MESSAGE ONLY      **\n"
            "    **  YOU DO NOT NEED TO RESEND YOUR MESSAGE  **\n    **********************************************\n\n"
            f"   ----- The following addresses had transient non-fatal errors -----\n<{LEA}>\n\n"
            "   ----- Transcript of session follows -----\n451 there.example: Name server timeout\n"
            "Warning: message still undelivered after 4 hours\nWill keep trying until message is 5 days old",
            f"Reporting-MTA: dns; relay.sender.example\n\nFinal-Recipient: RFC822; {LEA}\nAction:"
            f" delayed\nStatus: 4.4.3\n"
            "Will-Retry-Until: Sat, 7 Mar 2026 10:00:00 +0100\n"), one("transient")),
    ("exim, delayed",
     plain("Mail Delivery System <Mailer-Daemon@relay.sender.example>",
           "Warning: message 1abc-0001-XY delayed 24 hours",
           "This message was created automatically by mail delivery software.\nA message that you sent has not yet been"
           " delivered to one or more of its\nrecipients after more than 24 hours on the queue on"
           " relay.sender.example.\n\n"
           f"The address to which the message has not yet been delivered is:\n\n  {LEA}\n\n"
           "No action is required on your part. Delivery attempts will continue for\nsome time, and this warning may be"
           " repeated at intervals if the message\nremains undelivered.\n", "Auto-Submitted: auto-replied\n"),
     one("transient")),
)  # fmt: skip
