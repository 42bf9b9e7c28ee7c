"""IMAP and POP3 servers of Twisted in a process of their own: `python mail_house.py FOLDER` prints their two ports.

The mailbox holds the files of FOLDER and is kept in memory. User "bounces", password "secret".
"""

from __future__ import annotations

import sys
from email.parser import BytesParser
from io import BytesIO
from pathlib import Path
from typing import Any

from twisted.cred import checkers, portal
from twisted.internet import protocol, reactor
from twisted.mail import imap4, pop3
from zope.interface import implementer

USER, PASSWORD = "bounces", "secret"


@implementer(imap4.IMessage)
class Letter:
    def __init__(self, uid: int, raw: bytes) -> None:
        self.uid, self.raw, self.flags = uid, raw, set()  # type: ignore[var-annotated]

    def getUID(self) -> int:
        return self.uid

    def getFlags(self) -> list[str]:
        return sorted(self.flags)

    def getInternalDate(self) -> str:
        return "Thu, 01 May 2025 12:00:00 +0000"

    def getHeaders(self, negate: bool, *names: str) -> dict[str, str]:
        return dict(BytesParser().parsebytes(self.raw).items())

    def getBodyFile(self) -> BytesIO:
        return BytesIO(self.raw.partition(b"\n\n")[2])

    def getSize(self) -> int:
        return len(self.raw)

    def isMultipart(self) -> bool:
        return False

    def getSubPart(self, part: int) -> Any:
        raise IndexError(part)


@implementer(imap4.IMessageFile)
class WholeLetter(Letter):
    def open(self) -> BytesIO:
        return BytesIO(self.raw)


@implementer(imap4.IMailbox)
class Box:
    def __init__(self, folder: Path) -> None:
        files = sorted(folder.iterdir())
        self.letters = [WholeLetter(10 + number, file.read_bytes()) for number, file in enumerate(files)]

    def getFlags(self) -> list[str]:
        return [r"\Seen", r"\Deleted"]

    def getHierarchicalDelimiter(self) -> str:
        return "/"

    def getUIDValidity(self) -> int:
        return 1

    def getUIDNext(self) -> int:
        return 10_000

    def getMessageCount(self) -> int:
        return len(self.letters)

    def getRecentCount(self) -> int:
        return 0

    def getUnseenCount(self) -> int:
        return len(self.letters)

    def isWriteable(self) -> bool:
        return True

    def addListener(self, listener: Any) -> bool:
        return True

    def removeListener(self, listener: Any) -> bool:
        return True

    def _chosen(self, messages: Any, uid: bool) -> list[tuple[int, WholeLetter]]:
        if not messages.last:
            messages.last = 10_000
        named = set(messages)
        numbered = enumerate(self.letters, 1)
        return [(n, letter) for n, letter in numbered if (letter.uid if uid else n) in named]

    def fetch(self, messages: Any, uid: bool) -> list[tuple[int, WholeLetter]]:
        return self._chosen(messages, uid)

    def store(self, messages: Any, flags: Any, mode: int, uid: bool) -> dict[int, list[str]]:
        found = {}
        for number, letter in self._chosen(messages, uid):
            letter.flags = letter.flags | set(flags) if mode == 1 else set(flags)
            found[number] = letter.getFlags()
        return found

    def expunge(self) -> list[int]:
        gone = [number for number, letter in enumerate(self.letters, 1) if r"\Deleted" in letter.flags]
        self.letters = [letter for letter in self.letters if r"\Deleted" not in letter.flags]
        return gone

    def destroy(self) -> None: ...

    def requestStatus(self, names: Any) -> Any:
        return imap4.statusRequestHelper(self, names)


@implementer(pop3.IMailbox)
class PopBox:
    def __init__(self, box: Box) -> None:
        self.box, self.letters, self.gone = box, list(box.letters), set()  # type: ignore[var-annotated]

    def listMessages(self, index: int | None = None) -> Any:
        sizes = [0 if letter.uid in self.gone else len(letter.raw) for letter in self.letters]
        return sizes if index is None else sizes[index]

    def getMessage(self, index: int) -> BytesIO:
        # Twisted writes the line ends of POP3 itself
        return BytesIO(self.letters[index].raw.replace(b"\r\n", b"\n"))

    def getUidl(self, index: int) -> bytes:
        return str(self.letters[index].uid).encode()

    def deleteMessage(self, index: int) -> None:
        self.gone.add(self.letters[index].uid)

    def undeleteMessages(self) -> None:
        self.gone.clear()

    def sync(self) -> None:
        self.box.letters = [letter for letter in self.box.letters if letter.uid not in self.gone]


@implementer(portal.IRealm)
class Realm:
    def __init__(self, box: Box) -> None:
        self.box = box

    def requestAvatar(self, _who: bytes, _mind: Any, *interfaces: Any) -> Any:
        if pop3.IMailbox in interfaces:
            return pop3.IMailbox, PopBox(self.box), lambda: None
        account = imap4.MemoryAccount(USER)
        account.addMailbox("INBOX", self.box)
        return imap4.IAccount, account, lambda: None


class Factory(protocol.Factory):
    def __init__(self, make: Any, door: portal.Portal) -> None:
        self.make, self.door = make, door

    def buildProtocol(self, _address: Any) -> Any:
        made = self.make()
        made.portal = self.door
        made.factory = self
        return made


def main(folder: Path) -> None:
    door = portal.Portal(Realm(Box(folder)))
    users = checkers.InMemoryUsernamePasswordDatabaseDontUse()
    users.addUser(USER.encode(), PASSWORD.encode())
    door.registerChecker(users)
    ports = [
        reactor.listenTCP(0, Factory(make, door), interface="127.0.0.1")  # type: ignore[attr-defined]
        for make in (imap4.IMAP4Server, pop3.POP3)
    ]
    print(*(port.getHost().port for port in ports), flush=True)
    reactor.run()  # type: ignore[attr-defined]


if __name__ == "__main__":
    main(Path(sys.argv[1]))
