"""Readers of the sample campaign: they open, click and unsubscribe over HTTP, as mail programs do."""

from __future__ import annotations

import http.client
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

from massmailer.demo.errors import DemoFailed

TIMEOUT_SECONDS = 10.0
BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True)
class Answer:
    """location: where a redirect leads; it is not followed."""

    status: int
    location: str


class Visitor:
    """One person's browser; it goes to our own web server alone."""

    def __init__(self, url: str) -> None:
        self._home = urlsplit(url)

    def open_pixel(self, url: str) -> None:
        """Load the pixel, as showing the images of an e-mail does."""
        self._expect(self._ask("GET", url), 200, url)

    def click(self, url: str) -> str:
        """Follow a tracked link; returns its target, which is not visited."""
        answer = self._ask("GET", url)
        self._expect(answer, 302, url)
        return answer.location

    def unsubscribe(self, url: str) -> None:
        """The one-click request of RFC 8058, section 3.2, that a mail program sends for its user."""
        answer = self._ask("POST", url, body=urlencode({"List-Unsubscribe": "One-Click"}))
        self._expect(answer, 200, url)

    def _ask(self, method: str, url: str, body: str | None = None) -> Answer:
        parts = urlsplit(url)
        if parts.netloc != self._home.netloc:
            raise DemoFailed(f"{url} does not lead to {self._home.netloc}: it was not visited.")
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=TIMEOUT_SECONDS)
        headers = {"User-Agent": BROWSER, **({"Content-Type": FORM} if body else {})}
        try:
            connection.request(method, parts.path, body, headers)
            response = connection.getresponse()
            response.read()
        except (OSError, http.client.HTTPException) as error:
            raise DemoFailed(f"the web server does not answer at {url}: {error}") from error
        finally:
            connection.close()
        return Answer(response.status, response.headers.get("Location", ""))

    @staticmethod
    def _expect(answer: Answer, status: int, url: str) -> None:
        if answer.status != status:
            raise DemoFailed(f"{url} answers with status {answer.status} instead of {status}.")
