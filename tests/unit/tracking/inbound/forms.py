"""Messages that came back, in the forms of many servers and languages, written for the tests."""

# ruff: noqa: RUF001

from __future__ import annotations

from tests.unit.tracking.inbound.samples import ORIGINAL, block, dsn, plain

LEA = "lea@there.example"
Expected = tuple[str, tuple[tuple[str, str], ...]]


def hard(*addresses: str) -> Expected:
    return "bounce", tuple((address, "hard") for address in addresses or (LEA,))


def one(refusal: str, address: str = LEA) -> Expected:
    return "bounce", ((address, refusal),)


def report(sender: str, subject: str, words: str, status: str, *, original: str = "", headers: str = "") -> bytes:
    """A multipart/report of three parts as a server writes it, with the status as given."""
    return (
        f"From: {sender}\nTo: bounce@sender.example\nSubject: {subject}\nMIME-Version: 1.0\n{headers}"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="=_b"\n\n'
        f"--=_b\nContent-Type: text/plain; charset=utf-8\n\n{words}\n"
        f"--=_b\nContent-Type: message/delivery-status\n\n{status}\n"
        f"--=_b\nContent-Type: message/rfc822\n\n{original or ORIGINAL.format(to=LEA)}--=_b--\n"
    ).encode()


POSTFIX_WORDS = (
    "This is the mail system at host relay.sender.example.\n\n"
    "I'm sorry to have to inform you that your message could not\n"
    "be delivered to one or more recipients. It's attached below.\n\n"
    "For further assistance, please send mail to postmaster.\n\n"
    "If you do so, please include this problem report. You can\n"
    "delete your own text from the attached returned message.\n\n"
    "                   The mail system\n\n"
)


def postfix(said: str, step: str, code: str, *, status: str = "5.0.0", action: str = "failed", to: str = LEA) -> bytes:
    reply = f"{code} {said} (in reply to {step} command)"
    words = f"{POSTFIX_WORDS}<{to}>: host mx.there.example[192.0.2.7] said:\n    {reply}\n"
    fields = (
        "Reporting-MTA: dns; relay.sender.example\nX-Postfix-Queue-ID: 4Xyz\n"
        "X-Postfix-Sender: rfc822; bounce@sender.example\nArrival-Date: Mon,  2 Mar 2026 10:00:00 +0100 (CET)\n\n"
        f"Final-Recipient: rfc822; {to}\nOriginal-Recipient: rfc822;{to}\nAction: {action}\nStatus: {status}\n"
        f"Remote-MTA: dns; mx.there.example\nDiagnostic-Code: smtp; {code} {said}\n"
    )
    return report("MAILER-DAEMON@relay.sender.example (Mail Delivery System)", "Undelivered Mail Returned to Sender",
                  words, fields, headers="Auto-Submitted: auto-replied\n")  # fmt: skip


def exim(said: str, step: str, *, headers: str = "", to: str = LEA) -> bytes:
    return plain(
        "Mail Delivery System <Mailer-Daemon@relay.sender.example>", "Mail delivery failed: returning message"
        " to sender",
        "This message was created automatically by mail delivery software.\n\n"
        "A message that you sent could not be delivered to one or more of its\n"
        "recipients. This is a permanent error. The following address(es) failed:\n\n"
        f"  {to}\n    host mx.there.example [192.0.2.7]\n    SMTP error from remote mail server after {step}:\n"
        f"    {said}\n\n------ This is a copy of the message, including all the headers. ------\n\n"
        f"{ORIGINAL.format(to='someone@else.example')}",
        headers or f"X-Failed-Recipients: {to}\nAuto-Submitted: auto-replied\n",
    )  # fmt: skip


def qmail(*said: str) -> bytes:
    text = "\n\n".join(said)
    return plain(
        "MAILER-DAEMON@relay.sender.example", "failure notice",
        "Hi. This is the qmail-send program at relay.sender.example.\n"
        "I'm afraid I wasn't able to deliver your message to the following addresses.\n"
        "This is a permanent error; I've given up. Sorry it didn't work out.\n\n"
        f"{text}\n\n--- Below this line is a copy of the message.\n\nReturn-Path: <news@sender.example>\n"
        f"{ORIGINAL.format(to='someone@else.example')}", "Return-Path: <>\n",
    )  # fmt: skip


# name, message, what it should be read as
FORMS: tuple[tuple[str, bytes, Expected], ...] = (
    # what was refused: the recipient, or the message after the recipient was taken
    ("postfix, recipient", postfix("User unknown", "RCPT TO", "550"), hard()),
    ("postfix, end of data", postfix("User unknown", "end of DATA", "550"), one("undetermined")),
    ("postfix, data", postfix("Unknown recipient", "DATA", "554"), one("undetermined")),
    ("postfix, end of data with a code of the address",
     postfix("5.1.1 User unknown", "end of DATA", "550", status="5.1.1"), hard()),
    ("postfix, end of data, full", postfix("5.2.2 Mailbox full", "end of DATA", "552", status="5.2.2"), one("soft")),
    ("postfix, end of data, spam", postfix("5.7.1 Spam", "end of DATA", "554", status="5.7.1"), one("block")),
    ("exim, recipient", exim("550 No Such User Here", f"RCPT TO:<{LEA}>"), hard()),
    ("exim, end of data", exim("550 No Such User Here", "end of data"), one("undetermined")),
    ("exim, pipelined end of data", exim("550 User unknown", "pipelined end of data"), one("undetermined")),
    ("qmail, recipient",
     qmail(f"<{LEA}>:\n192.0.2.7 does not like recipient.\nRemote host said: 550 User unknown\n"
           "Giving up on 192.0.2.7."), hard()),
    ("qmail, after the message",
     qmail(f"<{LEA}>:\n192.0.2.7 failed after I sent the message.\nRemote host said: 550 User unknown"),
     one("undetermined")),
    ("sendmail, transcript of a pipelined session",
     plain("Mail Delivery Subsystem <MAILER-DAEMON@relay.sender.example>", "Returned mail: see transcript for details",
           "The original message was received at Mon, 2 Mar 2026 10:00:00 +0100\nfrom localhost [127.0.0.1]\n\n"
           f"   ----- The following addresses had permanent fatal errors -----\n<{LEA}>\n"
           "    (reason: 550 5.1.1 User unknown)\n\n   ----- Transcript of session follows -----\n"
           "... while talking to mx.there.example.:\n>>> DATA\n<<< 550 5.1.1 User unknown\n"
           f"550 5.1.1 <{LEA}>... User unknown\n<<< 503 5.5.1 Need RCPT\n"), hard()),
    ("sendmail, local delivery",
     plain("Mail Delivery Subsystem <MAILER-DAEMON@there.example>", "Returned mail: Service unavailable",
           f"   ----- The following addresses had permanent fatal errors -----\n<{LEA}>\n\n"
           f"   ----- Transcript of session follows -----\nmail.local: unknown name: lea\n"
           f"550 <{LEA}>... Service unavailable\n"), hard()),
    # accounts that somebody stopped
    ("disabled", postfix("User account is disabled", "RCPT TO", "550"), one("soft")),
    ("suspended", exim("550 Account suspended", f"RCPT TO:<{LEA}>"), one("soft")),
    ("gmail, disabled",
     postfix("5.2.1 The email account that you tried to reach is disabled. - gsmtp", "RCPT TO", "550-5.2.1",
             status="5.2.1"), hard()),
    ("carrier, the report's own words say more than the reply",
     report("Mail Administrator <postmaster@there.example>", "Mail System Error - Returned Mail",
            "Each of the following recipients was rejected by a remote mail server.\n\n"
            "The user(s) account is temporarily suspended.\n\n"
            f"<{LEA}>: 550 user unknown (in reply to RCPT TO command)",
            f"Reporting-MTA: dns; there.example\n\nFinal-Recipient: rfc822; {LEA}\nAction: failed\nStatus: 5.0.0\n"),
     one("soft")),
    # Exchange, Microsoft 365, Outlook.com
    ("microsoft 365, not found",
     report("Microsoft Outlook <postmaster@sender.example>", "Undeliverable: Spring",
            f"Delivery has failed to these recipients or groups:\n\n{LEA}<mailto:{LEA}>\n"
            "The email address you entered couldn't be found. Please check the recipient's email address and try to\n"
            "resend the message. If the problem continues, please contact your email admin.\n\n\n\n"
            "Diagnostic information for administrators:\n\nGenerating server: AM0PR01.eurprd01.prod.outlook.com\n\n"
            f"{LEA}\nRemote server returned '550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP"
            " address lookup'\n\nOriginal message headers:\n\nReceived: from AM0PR01\nSubject: Spring\n",
            "Reporting-MTA: dns;AM0PR01.eurprd01.prod.outlook.com\nReceived-From-MTA: dns;mail.sender.example\n\n"
            f"Final-Recipient: rfc822;{LEA}\nAction: failed\nStatus: 5.1.10\n"
            "Diagnostic-Code: smtp;550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found\n"), hard()),
    ("microsoft 365, access denied",
     report("postmaster@sender.example", "Undeliverable: Spring", f"Your message to {LEA} couldn't be delivered.",
            f"Reporting-MTA: dns;X.prod.outlook.com\n\nFinal-Recipient: rfc822;{LEA}\nAction: failed\nStatus: 5.4.1\n"
            "Diagnostic-Code: smtp;550 5.4.1 Recipient address rejected: Access denied."
            " [DB5.prod.protection.outlook.com]\n"), hard()),
    ("microsoft 365, an error of another server",
     report("postmaster@sender.example", "Undeliverable: Spring",
            f"Your message to {LEA} couldn't be delivered.\n\nA communication failure occurred during the delivery.",
            f"Reporting-MTA: dns;X.prod.outlook.com\n\nFinal-Recipient: rfc822;{LEA}\nAction: failed\nStatus: 5.0.350\n"
            "Diagnostic-Code: smtp;550 5.0.350 Remote server returned an error -> 550 No Such User Here\n"), hard()),
    ("microsoft 365, expired",
     report("postmaster@sender.example", "Undeliverable: Spring",
            f"Delivery has failed to these recipients or groups:\n\n{LEA}\nYour message wasn't delivered. Despite"
            " repeated attempts to contact the recipient's email system it didn't respond.",
            f"Reporting-MTA: dns;X.prod.outlook.com\n\nFinal-Recipient: rfc822;{LEA}\nAction: failed\nStatus: 4.4.7\n"
            "Diagnostic-Code: smtp;550 4.4.7 QUEUE.Expired; message expired\n"), one("transient")),
    ("microsoft 365, restricted group",
     report("postmaster@there.example", "Undeliverable: Spring",
            f"{LEA}\nYour message can't be delivered because delivery to this group is restricted.",
            f"Reporting-MTA: dns;X.prod.outlook.com\n\nFinal-Recipient: rfc822;{LEA}\nAction: failed\nStatus: 5.7.133\n"
            "Diagnostic-Code: smtp;550 5.7.133 RESOLVER.RST.SenderNotAuthenticatedForGroup; authentication required\n"),
     one("undetermined")),
    ("exchange 2000, in words",
     plain("System Administrator <postmaster@there.example>", "Undeliverable:Spring",
           "Your message\n\n  To:      Lea\n  Subject: Spring\n  Sent:    Mon, 2 Mar 2026 10:00:00 +0100\n\n"
           f"did not reach the following recipient(s):\n\n{LEA} on Mon, 2 Mar 2026 10:00:05 +0100\n"
           "    The e-mail account does not exist at the organization this message was\nsent to.  Check the e-mail"
           " address, or contact the recipient directly to\nfind out the correct address.\n"
           "    <there.example #5.1.1>\n"), hard()),
    # Gmail, Google Workspace
    ("gmail, address not found",
     report("Mail Delivery Subsystem <mailer-daemon@googlemail.example>", "Delivery Status Notification (Failure)",
            "\n** Address not found **\n\nYour message wasn't delivered to lea@there.example because the address"
            " couldn't be found, or is unable to receive mail.\n\nLearn more here: https://support.google.com\n\n"
            "The response was:\n\n550 5.1.1 The email account that you tried to reach does not exist.",
            "Reporting-MTA: dns; googlemail.com\nReceived-From-MTA: dns; news@sender.example\n\n"
            f"Final-Recipient: rfc822; {LEA}\nAction: failed\nStatus: 5.1.1\n"
            "Diagnostic-Code: smtp; 550-5.1.1 The email account that you tried to reach does not exist. Please try\n"
            " 550-5.1.1 double-checking the recipient's email address for typos or\n"
            " 550-5.1.1 unnecessary spaces. 550 5.1.1 https://support.google.com/mail/?p=NoSuchUser - gsmtp\n"
            "Last-Attempt-Date: Mon, 02 Mar 2026 01:00:00 -0800 (PST)\n"), hard()),
    ("gmail, in words",
     plain("Mail Delivery Subsystem <mailer-daemon@googlemail.example>", "Delivery Status Notification (Failure)",
           f"Delivery to the following recipient failed permanently:\n\n     {LEA}\n\n"
           "Technical details of permanent failure:\nGoogle tried to deliver your message, but it was rejected by the"
           " server for the recipient domain there.example by mx.there.example. [192.0.2.7].\n\n"
           "The error that the other server returned was:\n550 Unrouteable address\n\n\n----- Original"
           " message -----\n\n"
           "To: x@else.example\n", f"X-Failed-Recipients: {LEA}\n"), hard()),
    ("gmail, delayed",
     report("Mail Delivery Subsystem <mailer-daemon@googlemail.example>", "Delivery Status Notification (Delay)",
            f"\n** Delivery incomplete **\n\nThere was a temporary problem delivering your message to {LEA}. Gmail will"
            " retry for 47 more hours. You'll be notified if the delivery fails permanently.\n",
            f"Reporting-MTA: dns; googlemail.com\n\nFinal-Recipient: rfc822; {LEA}\nAction: delayed\nStatus: 4.4.1\n"
            "Diagnostic-Code: smtp; The recipient server did not accept our requests to connect.\n"
            "Will-Retry-Until: Wed, 04 Mar 2026 01:00:00 -0800 (PST)\n"), one("transient")),
    ("gmail, domain not found",
     report("Mail Delivery Subsystem <mailer-daemon@googlemail.example>", "Delivery Status Notification (Failure)",
            "\n** Address not found **\n\nYour message wasn't delivered because the domain there.example couldn't be"
            " found. Check for typos or unnecessary spaces and try again.\n\nThe response was:\n\n"
            "DNS Error: DNS type 'mx' lookup of there.example responded with code NXDOMAIN\n"
            "Domain name not found: there.example",
            f"Reporting-MTA: dns; googlemail.com\n\nFinal-Recipient: rfc822; {LEA}\nAction: failed\nStatus: 4.0.0\n"
            "Diagnostic-Code: smtp; DNS Error: DNS type 'mx' lookup of there.example responded with code NXDOMAIN\n"
            " Domain name not found: there.example\n"), one("transient")),
    # iCloud and Oracle's server
    ("icloud, full",
     report("Postmaster <postmaster@icloud.example>", "Delivery Notification: Delivery has failed",
            "This report relates to a message you sent with the following header fields:\n\n  Message-id:"
            " <1@x.example>\n"
            "  From: News <news@sender.example>\n  To: Lea <lea@there.example>\n  Subject: Spring\n\n"
            f"Your message cannot be delivered to the following recipients:\n\n  Recipient address: {LEA}\n"
            "  Reason: Over quota\n",
            f"Reporting-MTA: dns;mx.there.example\n\nOriginal-recipient: rfc822;{LEA}\nFinal-recipient: rfc822;{LEA}\n"
            "Action: failed\nStatus: 5.2.2 (Over quota)\n"), one("soft")),
    # Notes and Domino
    ("domino",
     report("Postmaster@there.example", "DELIVERY FAILURE: User lea (lea@there.example) not listed in Domino Directory",
            f"Your message\n\n  Subject: Spring\n\nwas not delivered to:\n\n  {LEA}\n\nbecause:\n\n"
            "  User lea (lea@there.example) not listed in Domino Directory\n",
            f"Reporting-MTA: dns;mx.there.example\n\nFinal-Recipient: rfc822;{LEA}\nAction: failed\nStatus: 5.1.1\n"
            "Diagnostic-Code: X-Notes; User lea (lea@there.example) not listed in Domino Directory\n"), hard()),
    # MailEnable, IMail, MDaemon, SmarterMail, hMailServer, Kerio, Zimbra, Courier, OpenSMTPD
    ("mailenable",
     plain("Postmaster@there.example", "Message Delivery Failure",
           "MailEnable: Message could not be delivered to some recipients.\n"
           f"The following recipient(s) could not be reached:\n\n\tRecipient: [SMTP:{LEA}]\n"
           "\tReason: Remote SMTP Server Returned: 550 No such user here\n\n\n"
           "Message headers follow:\n\nTo: x@else.example\n"), hard()),
    ("hmailserver",
     plain("mailer-daemon@relay.sender.example", "Message undeliverable: Spring",
           "Your message did not reach some or all of the intended recipients.\n\n   Sent: Mon, 2 Mar 2026\n"
           f"   Subject: Spring\n\nThe following recipient(s) could not be reached:\n\n{LEA}\n   Error Type: SMTP\n"
           "   Remote server (192.0.2.7) issued an error.\n   hMailServer sent: RCPT TO:<lea@there.example>\n"
           "   Remote server replied: 550 5.1.1 User unknown\n\n\nhMailServer\n"), hard()),
    ("smartermail",
     plain("System Administrator <postmaster@there.example>", "Delivery Failure",
           f"Could not deliver message to the following recipient(s):\n\nFailed Recipient: {LEA}\n"
           "Reason: Remote host said: 550 5.2.2 Mailbox is full\n\n   -- The header and top 20 lines of the message"
           " follows --\n\nTo: x@else.example\n"), one("soft")),
    ("kerio",
     plain("Mail Delivery Subsystem <MAILER-DAEMON@there.example>", "Delivery failed",
           "This message was created automatically by the mail system (Kerio Connect).\n\n"
           f"Your message could not be delivered to the following recipients:\n\n    {LEA}\n"
           "    550 5.1.1 User unknown\n\nReceived: from x\n"), hard()),
    ("opensmtpd",
     plain("Mailer Daemon <MAILER-DAEMON@relay.sender.example>", "Delivery status notification: error",
           "    Hi!\n\n    This is the MAILER-DAEMON, please DO NOT REPLY to this email.\n\n"
           "    An error has occurred while attempting to deliver a message for\n    the following list of"
           f" recipients:\n\n{LEA}: 550 5.1.1 User unknown\n\n"
           "    Below is a copy of the original message:\n\nTo: x@else.example\n"), hard()),
    ("courier, delayed",
     plain('"Courier mail server at relay.sender.example" <@>', "WARNING: delayed mail.",
           "WARNING: delivery of your message is being delayed.\n\n"
           "Your message to the following recipients has not yet been delivered:\n\n"
           f"<{LEA}>:\n    mx.there.example [192.0.2.7]:\n    <<< 450 4.1.1 unknown\n\n"
           "This is only a warning. You do not need to resend.\n"), one("transient")),
    # providers' notices about mail that went through them
    ("ses",
     report("MAILER-DAEMON@eu-west-1.amazonses.com", "Delivery Status Notification (Failure)",
            f"An error occurred while trying to deliver the mail to the following recipients:\n{LEA}",
            f"Reporting-MTA: dns; b1.smtp-out.amazonses.com\n\nAction: failed\nFinal-Recipient: rfc822; {LEA}\n"
            "Diagnostic-Code: smtp; 550 5.1.1 unknown user\nStatus: 5.1.1\n"), hard()),
    ("sendgrid",
     report("MAILER-DAEMON@filter.sendgrid.example", "Undelivered Mail Returned to Sender",
            f"Hello, this is the mail server on relay.example.\n\nI am sending you this message to inform you on the"
            f" delivery status of a message you previously sent.\n\n<{LEA}>: 550 5.1.1 recipient rejected",
            "Reporting-MTA: dns; sendgrid\n\n"
            f"Final-Recipient: rfc822; {LEA}\nOriginal-Recipient: rfc822; {LEA}\nAction: failed\nStatus: 5.1.1\n"
            "Diagnostic-Code: 550 5.1.1 The email account that you tried to reach does not exist\n"), hard()),
    ("powermta",
     report("PowerMTA <mailer-daemon@relay.sender.example>", "Delivery report",
            f"Hello, this is the mail server on relay.sender.example.\n\n<{LEA}>:\n"
            "550 No Such User Here\n  (delivery not attempted again)",
            "Reporting-MTA: dns;relay.sender.example\n\n"
            f"Original-Recipient: rfc822;{LEA}\nFinal-Recipient: rfc822;{LEA}\nAction: failed\n"
            "Status: 5.1.1 (bad destination mailbox address)\nRemote-MTA: dns;mx.there.example (192.0.2.7)\n"
            "Diagnostic-Code: smtp;550 No Such User Here\nX-PowerMTA-BounceCategory: bad-mailbox\n"), hard()),
    ("mimecast",
     plain("Mimecast <postmaster@there.example>", "[Postmaster] Email Delivery Failure",
           "This is a delivery failure notification message.\n\n"
           f"The email message to: {LEA}\n\ncould not be delivered.\n\nThe reason was: Invalid Recipient\n"
           "\nRemote server said: 550 5.1.1 Invalid Recipient - https://community.mimecast.com\n"), hard()),
    ("barracuda",
     report("MAILER-DAEMON@filter.there.example", "**Message you sent blocked by our bulk email filter**",
            f"Your message to: {LEA}\nwas blocked by our Spam Firewall. The email you sent with the following subject"
            " has NOT BEEN DELIVERED:\n\nSubject: Spring\n",
            f"Reporting-MTA: dns; filter.there.example\n\nFinal-Recipient: rfc822; {LEA}\nAction: failed\n"
            "Status: 5.7.1\nDiagnostic-Code: smtp; 550 5.7.1 Message content rejected, UBE, id=1-2\n"), one("block")),
    ("mail.ru",
     plain("mailer-daemon@corp.mail.example", "Ваше сообщение не доставлено. Mail failure.",
           "Это письмо создано автоматически сервером Mail.Ru, отвечать на него не нужно.\n\n"
           "К сожалению, Ваше письмо не может быть доставлено одному или нескольким получателям:\n\n"
           f"  {LEA}\n    SMTP error from remote mail server after RCPT TO:<{LEA}>:\n"
           "    host mx.there.example [192.0.2.7]: 550 Unknown user\n",
           f"Content-Type: text/plain; charset=utf-8\nX-Failed-Recipients: {LEA}\n"), hard()),
    ("yandex",
     report("mailer-daemon@yandex.example", "Недоставленное сообщение",
            "Это письмо отправлено почтовым сервером yandex.ru.\n\nК сожалению, мы вынуждены сообщить вам о том, что"
            f" ваше письмо не может быть отправлено одному или нескольким адресатам.\n\n<{LEA}>: host"
            " mx.there.example[192.0.2.7] said: 550 5.7.1 No such user! (in reply to RCPT TO command)",
            f"Reporting-MTA: dns; forward1.mail.yandex.net\n\nFinal-Recipient: rfc822; {LEA}\nAction: failed\n"
            "Status: 5.7.1\nDiagnostic-Code: smtp; 550 5.7.1 No such user!\n"), hard()),
    ("gmx, german",
     plain("GMX Mailer Daemon <mailer-daemon@gmx.example>", "Mail delivery failed: returning message to sender",
           "This message was created automatically by mail delivery software.\n\n"
           "A message that you sent could not be delivered to one or more of its recipients. This is a permanent"
           f" error. The following address failed:\n\n\"{LEA}\":\nSMTP error from remote server after RCPT command:\n"
           "host: mx.there.example\n5.1.1 User unknown\n"), hard()),
    ("t-online, german",
     plain("Mail Delivery System <postmaster@there.example>", "Unzustellbar: Frühling",
           f"Ihre Nachricht an\n\n{LEA}\n\nkonnte nicht zugestellt werden. Das Postfach des Empfängers ist voll.\n"),
     one("soft")),
    ("french",
     plain("MAILER-DAEMON@there.example", "Message non remis : Printemps",
           f"Votre message n'a pas pu être remis au destinataire suivant :\n\n{LEA}\n\nMotif : boîte aux lettres"
           " pleine\n"), one("soft")),
    ("french, unknown",
     plain("postmaster@there.example", "=?utf-8?q?=C3=89chec_de_la_remise?=",
           f"Le message suivant n'a pas pu être délivré.\n\n<{LEA}>\n550 5.1.1 Adresse d'au moins un destinataire"
           " invalide. OFR_416\n"), hard()),
    ("spanish",
     plain("MAILER-DAEMON@there.example", "Mensaje no entregado: Primavera",
           f"Su mensaje no ha podido ser entregado a:\n\n{LEA}\n\nEl usuario no existe\n"), hard()),
    ("qq",
     plain("PostMaster@qq.example", "系统退信/Systems bounce",
           f"抱歉，您的邮件被退回来了……\n\n原邮件信息：\n时 间\t2026-03-02 10:00:00\n主 题\tSpring\n收件人\t{LEA}\n\n"
           "退信原因\t收件人邮件地址不存在，邮件无法送达。\n"
           "host mx.there.example said: 550 Mailbox not found (in reply to RCPT TO command)\n"), hard()),
    ("netease",
     plain("Postmaster@163.example", "系统退信",
           f"您的邮件被退回\n\n收件人：{LEA}\n退信代码：552\n退信原因：收件人邮箱已满\n"), one("soft")),
    ("docomo, japanese",
     plain("mail-daemon@docomo.example", "Undelivered Mail Returned to Sender",
           f"次のあて先へのメッセージはエラーのため送信できませんでした。\n\n送信先メールアドレスが見つかりませんでした。\n\n<{LEA}>:"
           " host mx.there.example said: 550 Unknown user (in reply to RCPT TO command)\n"), hard()),
    ("korean",
     plain("postmaster@naver.example", "메일 전송 실패", f"수신자 {LEA} 에게 전송하지 못했습니다.\n\n550"
         f" 5.1.1 No such user\n"),
     hard()),
    # several recipients, other addresses
    ("three fates",
     dsn(block("a@there.example", "failed", "5.1.1", "550 5.1.1 User unknown"),
         block("b@there.example", "failed", "5.2.2", "552 5.2.2 Mailbox full"),
         block("c@there.example", "delivered", "2.1.5", "250 OK"),
         block("d@there.example", "delayed", "4.7.1", "451 4.7.1 Greylisted")),
     ("bounce", (("a@there.example", "hard"), ("b@there.example", "soft"), ("d@there.example", "transient")))),
    ("forwarded, the first address counts",
     dsn(block("x@else.example", "failed", "5.1.1", "550 5.1.1 unknown", f"Original-Recipient: rfc822;{LEA}")), hard()),
    ("qmail, two recipients",
     qmail("<a@there.example>:\n192.0.2.7 does not like recipient.\nRemote host said: 550 No such user",
           "<b@there.example>:\n192.0.2.7 failed after I sent the message.\nRemote host said: 554 spam"),
     ("bounce", (("a@there.example", "hard"), ("b@there.example", "block")))),
    ("postfix, two recipients of which one was refused with its message",
     report("MAILER-DAEMON@relay.sender.example", "Undelivered Mail Returned to Sender",
            POSTFIX_WORDS +
            "<a@there.example>: host mx.there.example[192.0.2.7] said: 550 User unknown (in\n    reply to RCPT TO"
            " command)\n\n<b@there.example>: host mx.there.example[192.0.2.7] said: 550 User unknown (in\n    reply to"
            " end of DATA command)\n",
            "Reporting-MTA: dns; relay.sender.example\n\n"
            + "\n\n".join(block(f"{one}@there.example", "failed", "5.0.0", "550 User unknown") for one in "ab") + "\n"),
     ("bounce", (("a@there.example", "hard"), ("b@there.example", "undetermined")))),
    # what is no failure
    ("delivered", dsn(block(LEA, "delivered", "2.0.0", "250 OK")), ("delivered", ((LEA, "undetermined"),))),
    ("relayed", dsn(block(LEA, "relayed", "2.0.0")), ("delivered", ((LEA, "undetermined"),))),
    ("expanded", dsn(block("list@there.example", "expanded", "2.0.0")),
     ("delivered", (("list@there.example", "undetermined"),))),
    ("delivered, as postfix reports it",
     report("MAILER-DAEMON@relay.sender.example", "Successful Mail Delivery Report",
            f"<{LEA}>: delivery via mx.there.example[192.0.2.7]:25: 250 2.0.0 Ok: queued as 4Abc",
            f"Reporting-MTA: dns; relay.sender.example\n\nFinal-Recipient: rfc822; {LEA}\nAction: delivered\n"
            "Status: 2.0.0\n"), ("delivered", ((LEA, "undetermined"),))),
    ("relayed, in words",
     plain("postmaster@there.example", "Relayed: Spring",
           f"Your message was successfully relayed to\n\n{LEA}\n\nbut its server may not tell whether it arrived.\n"),
     ("delivered", ((LEA, "undetermined"),))),
    ("delayed, whatever the words say",
     dsn(block(LEA, "delayed", "4.1.1", "550 5.1.1 User unknown")), one("transient")),
)  # fmt: skip
