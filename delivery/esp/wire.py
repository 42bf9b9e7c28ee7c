"""HTTP that never repeats a request, and that can tell whether a byte of one was written.

`requests.ConnectionError` comes before and after the server has read a request; only the connection itself knows.
"""

from __future__ import annotations

import threading
import time
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

# boxes between here and an ESP forget idle connections without a word: a request on such a one would end as unknown
IDLE_SECONDS = 15.0


class _Written(threading.local):
    """Of the thread's current request: has a byte of it been written?"""

    value = False


_written = _Written()


def begin() -> None:
    """Forget the thread's last request. Call it before each."""
    _written.value = False


def has_written() -> bool:
    """True once a byte of the thread's current request may have left this machine."""
    return _written.value


class _Watched:
    """A connection that notes its writing, and is not used again after it was idle for long."""

    _used_at = 0.0

    def send(self, data: Any) -> None:
        if self.sock is None:  # type: ignore[attr-defined]  # a mix-in of http.client's connection
            self.connect()  # type: ignore[attr-defined]
        _written.value = True
        self._used_at = time.monotonic()
        super().send(data)  # type: ignore[misc]

    @property
    def is_connected(self) -> bool:
        is_idle = time.monotonic() - self._used_at > IDLE_SECONDS
        return not is_idle and super().is_connected  # type: ignore[misc]


class _WatchedHttp(_Watched, HTTPConnection):
    pass


class _WatchedHttps(_Watched, HTTPSConnection):
    pass


class _HttpPool(HTTPConnectionPool):
    ConnectionCls = _WatchedHttp


class _HttpsPool(HTTPSConnectionPool):
    ConnectionCls = _WatchedHttps


_POOLS = {"http": _HttpPool, "https": _HttpsPool}


class _OnceAdapter(HTTPAdapter):
    """Each request once: no retries, watched connections, as many of them as there are calls at once."""

    def __init__(self, connections: int) -> None:
        super().__init__(pool_connections=2, pool_maxsize=connections, max_retries=0, pool_block=True)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> urllib3.ProxyManager:
        manager = super().proxy_manager_for(proxy, **kwargs)
        manager.pool_classes_by_scheme = _POOLS
        return manager


class OnceSession(requests.Session):
    """A session for many threads: no retry, no redirect followed, no cookie kept, no password taken from ~/.netrc."""

    def __init__(self, connections: int) -> None:
        super().__init__()
        adapter = _OnceAdapter(connections)
        self.mount("https://", adapter)
        self.mount("http://", adapter)
        self.headers["User-Agent"] = "massmailer"
        self.auth = _no_netrc
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))

    def request(self, *args: Any, **kwargs: Any) -> requests.Response:
        kwargs["allow_redirects"] = False
        begin()
        return super().request(*args, **kwargs)


def _no_netrc(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request
