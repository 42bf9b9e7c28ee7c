"""Messages that came back, one of each form, written for the tests."""

# ruff: noqa: RUF001

from __future__ import annotations

ORIGINAL = "From: news@sender.example\nTo: {to}\nSubject: Spring\nMessage-ID: <1@sender.example>\n\nHello\n"


def dsn(*blocks: str, words: str = "Your message was not delivered.", to: str = "lea@there.example") -> bytes:
    """A delivery status notification with one block a recipient."""
    status = "\n\n".join(("Reporting-MTA: dns; mx.there.example", *blocks))
    return (
        "From: Mail Delivery System <MAILER-DAEMON@mx.there.example>\nTo: bounce@sender.example\n"
        "Subject: Undelivered Mail Returned to Sender\nMIME-Version: 1.0\n"
        "Content-Type: multipart/report; report-type=delivery-status; boundary=B\n\n"
        f"--B\nContent-Type: text/plain\n\n{words}\n"
        f"--B\nContent-Type: message/delivery-status\n\n{status}\n\n"
        f"--B\nContent-Type: message/rfc822\n\n{ORIGINAL.format(to=to)}--B--\n"
    ).encode()


def block(address: str, action: str, status: str, said: str = "", more: str = "") -> str:
    lines = [f"Final-Recipient: rfc822; {address}", f"Action: {action}", f"Status: {status}"]
    return "\n".join(lines + ([f"Diagnostic-Code: smtp; {said}"] if said else []) + ([more] if more else []))


def plain(sender: str, subject: str, text: str, headers: str = "") -> bytes:
    return f"From: {sender}\nTo: bounce@sender.example\nSubject: {subject}\n{headers}\n{text}".encode()


def complaint(kind: str = "abuse", more: str = "Original-Rcpt-To: lea@there.example\n") -> bytes:
    return (
        "From: fbl@there.example\nTo: fbl@sender.example\nSubject: Report\nMIME-Version: 1.0\n"
        "Content-Type: multipart/report; report-type=feedback-report; boundary=B\n\n"
        "--B\nContent-Type: text/plain\n\nSomebody pressed the button.\n"
        f"--B\nContent-Type: message/feedback-report\n\nFeedback-Type: {kind}\nVersion: 1\n{more}\n"
        f"--B\nContent-Type: message/rfc822\n\n{ORIGINAL.format(to='lea@there.example')}--B--\n"
    ).encode()


COPY = (
    "\n--- Below this line is a copy of the message.\n\nReturn-Path: <news@sender.example>\n"
    "To: lea@there.example\n\n550 5.7.1 spam\n"
)

# form, message, class of its one recipient lea@there.example
BOUNCES: tuple[tuple[str, bytes, str], ...] = (
    ("dsn", dsn(block("lea@there.example", "failed", "5.1.1", "550 5.1.1 No such user")), "hard"),
    ("dsn without a reason", dsn(block("lea@there.example", "failed", "5.2.2")), "soft"),
    ("dsn, reason in words",
     dsn(block("lea@there.example", "failed", "5.0.0"), words="<lea@there.example>: mailbox is full"), "soft"),
    ("dsn, too late", dsn(block("lea@there.example", "failed", "4.4.7", "451 4.4.1 timed out")), "transient"),
    ("dsn, delayed", dsn(block("lea@there.example", "delayed", "4.2.0", "550 5.1.1 No such user")), "transient"),
    ("dsn, block list",
     dsn(block("lea@there.example", "failed", "5.7.1",
          "554 5.7.1 Blocked, your IP is listed by a blocklist")), "block"),
    ("dsn, too large",
     dsn(block("lea@there.example", "failed", "5.3.4", "552 5.3.4 Message size exceeds fixed limit")), "content"),
    ("dsn, forwarded",
     dsn(block("x@else.example", "failed", "5.1.1", "550 User unknown",
          "Original-Recipient: rfc822; lea@there.example")),
     "hard"),
    ("qmail",
     plain("MAILER-DAEMON@there.example", "failure notice",
           "Hi. This is the qmail-send program at there.example.\n\n<lea@there.example>:\n"
           "192.0.2.1 does not like recipient.\n"
           f"Remote host said: 550 5.1.1 no such user\nGiving up on 192.0.2.1.\n{COPY}"), "hard"),
    ("exim",
     plain("Mail Delivery System <Mailer-Daemon@there.example>", "Mail delivery failed: returning message to sender",
           "A message that you sent could not be delivered to one or more of its\n"
           "recipients. This is a permanent error.\n\n"
           "  lea@there.example\n    SMTP error from remote mail server after RCPT TO:<lea@there.example>:\n"
           "    host mx.there.example [192.0.2.9]: 452 4.2.2 mailbox full\n\n"
           "------ This is a copy of the message ------\n\n"
           "To: someone@else.example\n", "X-Failed-Recipients: lea@there.example\nAuto-Submitted: auto-replied\n"
           ""), "soft"),
    ("exim, before the recipient",
     plain("Mailer-Daemon@there.example", "Mail delivery failed",
           "The following address failed:\n\n  lea@there.example\n"
           "    SMTP error from remote mail server after MAIL FROM:<x@y.example>:\n"
           "    550 No such user, blocked sender\n"), "block"),
    ("transcript",
     plain("Mail Delivery Subsystem <MAILER-DAEMON@there.example>", "Returned mail: User unknown",
           "   ----- The following addresses had permanent fatal errors -----\n<lea@there.example>\n\n"
           "   ----- Transcript of session follows -----\n... while talking to mx.there.example.:\n"
           ">>> RCPT To:<lea@there.example>\n"
           "<<< 550 5.1.1 unknown\n550 <lea@there.example>... User unknown\n\n"
           "   ----- Unsent message follows -----\nTo: x@else.example\n"), "hard"),
    ("lotus",
     plain("Postmaster@there.example", "DELIVERY FAILURE: User not listed",
           "Your message could not be delivered because:\n\n------- Failure Reasons  --------\n\n"
           "User unknown in this directory\n"
           "lea@there.example\n\n------- Returned Message --------\n\nTo: x@else.example\n"), "hard"),
    ("exchange",
     plain("System Administrator <postmaster@there.example>", "Undeliverable: Spring",
           "Your message\n\n  To:      lea@there.example\n  Subject: Spring\n\n"
           "did not reach the following recipient(s):\n\n"
           "lea@there.example on Thu, 2 Apr 2020 10:00:00 +0200\n"
           "    The recipient name is not recognized: Unknown Recipient\n"), "hard"),
    ("yahoo",
     plain("MAILER-DAEMON@there.example", "Delivery failure",
           "Message from there.example.\nUnable to deliver message to the following address(es).\n\n"
           "<lea@there.example>:\n"
           "This account is over quota.\n\n--- Original message follows.\n\nTo: x@else.example\n"), "soft"),
    ("gmail, delayed",
     plain("Mail Delivery Subsystem <mailer-daemon@there.example>", "Delivery Status Notification (Delay)",
           "THIS IS A WARNING MESSAGE ONLY.\n\nDelivery to the following recipient has been delayed:\n\n"
           "     lea@there.example\n\n"
           "Message will be retried for 2 more days\n\nTechnical details: 550 5.1.1 no such user\n"), "transient"),
    ("surgemail",
     plain("postmaster@there.example", "Could not deliver message",
           "Your message could not be delivered to <lea@there.example>\n"
           "Reason: Remote host said 550 unknown user\n"), "hard"),
    ("mdaemon",
     plain("MDaemon@there.example", "Permanent Delivery Failure",
           "The attached message had PERMANENT fatal delivery errors!\n\n"
           "lea@there.example - no such user here.\n"), "hard"),
    ("courier",
     plain('"Courier mail server at there.example" <@>', "NOTICE: mail delivery status.",
           "UNDELIVERABLE MAIL\n\nYour message to the following recipients cannot be delivered:\n\n"
           "<lea@there.example>:\n"
           "    mx.there.example [192.0.2.9]:\n    <<< 550 5.1.1 User unknown\n"), "hard"),
    ("german",
     plain("postmaster@there.example", "Unzustellbar: Spring",
           "Ihre Nachricht konnte nicht zugestellt werden.\n\nlea@there.example\n"
           "550 5.1.1 Empfaenger unbekannt, user unknown\n"), "hard"),
    ("russian", plain("mailer-daemon@there.example", "Ваше сообщение не доставлено",
                      "К сожалению, письмо не доставлено:\n\n  lea@there.example\n    550 5.1.1 user not found\n"
                      ""), "hard"),
    ("no reason", plain("postmaster@there.example", "Undeliverable Mail",
                        "Delivery failed 20 attempts: lea@there.example\n"), "undetermined"),
    ("fields in plain text",
     plain("MAILER-DAEMON@there.example", "Delivery failure",
           "Technical report:\n\nAction: failed\nFinal-Recipient: rfc822; lea@there.example\n"
           "Diagnostic-Code: smtp; 550 5.1.1 unknown\n"
           "Status: 5.1.1\n"), "hard"),
)  # fmt: skip

AUTOREPLIES: tuple[bytes, ...] = (
    plain(
        "Lea <lea@there.example>",
        "Out of office: Spring",
        "I am away until Monday.\n",
        "Auto-Submitted: auto-replied\n",
    ),
    plain("lea@there.example", "Automatic reply: Spring", "Back soon.\n"),
    plain("lea@there.example", "Re: Spring", "I am on leave.\n", "X-Autoreply: yes\n"),
    plain("lea@there.example", "Re: Spring", "Thanks.\n", "Precedence: auto_reply\n"),
    plain("lea@there.example", "=?utf-8?q?Abwesenheitsnotiz=3A_Fr=C3=BChling?=", "Ich bin im Urlaub.\n"),
    plain("lea@there.example", "自動返信", "不在\n"),
)

OTHERS: tuple[bytes, ...] = (
    plain("lea@there.example", "Re: Spring", "Thank you, I like it.\n"),
    plain("lea@there.example", "Re: Vacation offers", "How much is it?\n"),
    plain("lea@there.example", "Re: Undelivered Mail Returned to Sender",
         "> 550 5.1.1 No such user\n\nDid you see this?\n"),
    plain("shop@there.example", "Your order", "It was delivered.\n"),
    complaint("auth-failure"),
    b"", b"\n\n\n", b"not a message", b"\0\1\2\xff" * 100, b"From: x\n", b":\n:\n\n:", b"{}",
)  # fmt: skip
