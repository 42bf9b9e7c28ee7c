"""Automatic replies, complaints, and what only speaks of bounces, written for the tests."""

from __future__ import annotations

from tests.unit.tracking.inbound.samples import ORIGINAL, plain

LEA = "lea@there.example"

AWAY: tuple[tuple[str, bytes], ...] = (
    ("vacation program", plain(f"Lea <{LEA}>", "away from my mail", "I will not be reading my mail for a while.\n",
                               "Precedence: junk\nAuto-Submitted: auto-replied (vacation)\n")),
    ("exchange", plain(f"Lea <{LEA}>", "Automatic reply: Spring", "I am out of the office until Monday.\n",
                       "Auto-Submitted: auto-generated\nX-Auto-Response-Suppress: All\n")),
    ("gmail", plain(f"Lea <{LEA}>", "Vacation Re: Spring", "Back on Monday.\n",
                    "Precedence: bulk\nX-Autoreply: yes\nAuto-Submitted: auto-replied\n")),
    ("lotus", plain(f"Lea <{LEA}>", "AUTO: Lea is out of the office (returning 03/09/2026)", "I am out.\n",
                    "Auto-Submitted: auto-generated\n")),
    ("without a header", plain(f"Lea <{LEA}>", "Out of Office AutoReply: Spring", "I am away.\n")),
    ("german", plain(f"Lea <{LEA}>", "Automatische Antwort: Frühling", "Ich bin bis Montag nicht im Haus.\n")),
    ("french", plain(f"Lea <{LEA}>", "Réponse automatique : Printemps", "Je suis absente.\n")),
    ("left the company", plain(f"Lea <{LEA}>", "Automatic reply: Spring",
                               "I no longer work at There Ltd. Please write to x@there.example.\n",
                               "Auto-Submitted: auto-replied\n")),
    ("ticket system", plain(f"Support <{LEA}>", "[#4711] We have received your message",
                            "Thank you. We will answer soon.\n", "Auto-Submitted: auto-replied\n")),
)  # fmt: skip

NO_BOUNCES: tuple[tuple[str, bytes], ...] = (
    ("newsletter that explains a bounce",
     plain("The Mail Gazette <news@gazette.example>", "Why your mail bounced: reading delivery failures",
           "Dear reader,\n\nwhen a server writes “550 5.1.1 User unknown”, the address does not exist:\n\n"
           "    Final-Recipient: rfc822; nobody@there.example\n    Action: failed\n    Status: 5.1.1\n\n"
           "<nobody@there.example>: host mx.there.example said: 550 5.1.1 User unknown\n",
           "List-Unsubscribe: <https://gazette.example/u/1>\nList-Id: <gazette.example>\nPrecedence: bulk\n")),
    ("question about a bounce",
     plain("Lea <lea@there.example>", "Mail delivery failed, what now?",
           "Hello,\n\nI got this from your server:\n\n  lea@there.example\n    550 5.1.1 User unknown\n\nCan"
           " you help?\n")),
    ("forwarded bounce",
     plain("Lea <lea@there.example>", "Fwd: Undelivered Mail Returned to Sender",
           "FYI\n\n> <x@there.example>: host mx said: 550 5.1.1 User unknown\n")),
    ("read receipt",
     b"From: Lea <lea@there.example>\nTo: bounce@sender.example\nSubject: Read: Spring\n"
     b"Content-Type: multipart/report; report-type=disposition-notification; boundary=B\n\n"
     b"--B\nContent-Type: text/plain\n\nThe message was displayed.\n"
     b"--B\nContent-Type: message/disposition-notification\n\nReporting-UA: there.example\n"
     b"Final-Recipient: rfc822; lea@there.example\nDisposition: manual-action/MDN-sent-manually; displayed\n\n--B--\n"),
    ("report of authentication",
     b"From: dmarc@there.example\nTo: bounce@sender.example\nSubject: FW: Spring\n"
     b"Content-Type: multipart/report; report-type=feedback-report; boundary=B\n\n"
     b"--B\nContent-Type: text/plain\n\nThis is an authentication failure report.\n"
     b"--B\nContent-Type: message/feedback-report\n\nFeedback-Type: auth-failure\nAuth-Failure: dmarc\n\n--B--\n"),
)  # fmt: skip


def complaint_of(*parts: str, subject: str = "FW: Spring", kind: str = "report; report-type=feedback-report") -> bytes:
    """What a feedback loop sends: the parts as given, each with its own headers."""
    body = "".join(f"--=_c\n{part}\n" for part in parts)
    return (
        f"From: feedback@loop.example\nTo: complaints@sender.example\nSubject: {subject}\nMIME-Version: 1.0\n"
        f'Content-Type: multipart/{kind}; boundary="=_c"\n\n{body}--=_c--\n'
    ).encode()


SAID = "Content-Type: text/plain\n\nThis is an email abuse report for a message received from IP 192.0.2.1\n"
ABUSE = "Content-Type: message/feedback-report\n\nFeedback-Type: abuse\nUser-Agent: Loop/1\nVersion: 1\n"
WHOLE = f"Content-Type: message/rfc822\nContent-Disposition: inline\n\n{ORIGINAL.format(to=LEA)}"
HEADERS = f"Content-Type: text/rfc822-headers\n\n{ORIGINAL.format(to=LEA)}"

COMPLAINTS: tuple[tuple[str, bytes], ...] = (
    ("with the message", complaint_of(SAID, ABUSE, WHOLE)),
    ("with its headers", complaint_of(SAID, ABUSE, HEADERS)),
    ("in another order", complaint_of(ABUSE, SAID, WHOLE)),
    ("as mixed parts", complaint_of(SAID, ABUSE, WHOLE, kind="mixed")),
    ("that opts out", complaint_of(SAID, ABUSE.replace("abuse", "opt-out"), WHOLE)),
    (
        "with the address",
        complaint_of(SAID, f"{ABUSE}Original-Rcpt-To: <{LEA}>\n", HEADERS.replace(LEA, "x@else.example")),
    ),
    ("in words", complaint_of(SAID, WHOLE, subject="complaint about message from 192.0.2.1", kind="mixed")),
)
