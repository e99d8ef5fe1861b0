"""Fetching a page that a message names: guarded, pinned to the checked address, limited in size and time."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from bluelabel import __version__
from bluelabel.agents.addresses import Target, checked
from bluelabel.agents.plain_text import one_line
from bluelabel.interfaces.errors import MachineError, NotFound, Refused, TooLarge, UnreadableInput, UsageError

if TYPE_CHECKING:
    import httpx2

Resolver = Callable[[str, int], Sequence[str]]
"""Gives the addresses of a host name, in order of preference."""

URL_CHARS: Final = 4096
REDIRECTS: Final = 5
_REDIRECT_CODES = frozenset({301, 302, 303, 307, 308})
_LATER_CODES = frozenset({408, 425, 429, 500, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class Page:
    """What came back.

    Args:
        url: where it was found after redirects.
        content_type: in lower case, without parameters.
        charset: as the server named it, or None.
        body: at most as many bytes as were asked for.
    """

    url: str
    content_type: str
    charset: str | None
    body: bytes


class Fetcher:
    """GETs pages over http and https.

    Every host is resolved once, all its addresses are checked, and the connection goes to one of those addresses:
    a name that resolves differently a moment later changes nothing. Each redirect is checked the same way. Proxy
    settings of the environment are not used, since a proxy would resolve the name again.

    Args:
        allow_private: visit private and loopback addresses too. For tests, and for people who mean their intranet.
        resolver: how names become addresses.
        timeout: seconds for the whole fetch.
        connect_timeout: seconds to connect, and between two pieces of the answer.
    """

    def __init__(
        self,
        *,
        allow_private: bool = False,
        resolver: Resolver | None = None,
        timeout: float = 30.0,
        connect_timeout: float = 10.0,
    ) -> None:
        self._allow_private = allow_private
        self._resolver = resolver or resolve
        self._timeout = timeout
        self._step = min(connect_timeout, timeout)

    def get(self, url: str, *, max_bytes: int) -> Page:
        """Return the page at `url`.

        Args:
            url: http or https, without user name.
            max_bytes: refuse longer bodies: by their Content-Length before reading, else once they grow over it.

        Raises:
            UsageError: not a URL that can be fetched.
            Refused: an address that may not be visited, too many redirects, or an answer that means no.
            NotFound: the server has no such page, or the name does not exist.
            TooLarge: over `max_bytes`.
            MachineError: no connection, a time limit, or a server in trouble: trying later may help.
        """
        import httpx2

        deadline = time.monotonic() + self._timeout
        client = httpx2.Client(
            timeout=self._step,
            trust_env=False,
            follow_redirects=False,
            headers={"User-Agent": f"bluelabel/{__version__}", "Accept-Encoding": "identity", "Accept": "*/*"},
        )
        try:
            with client:
                where = _parsed(url)
                for _ in range(REDIRECTS + 1):
                    answer = self._visit(client, where, max_bytes, deadline)
                    if isinstance(answer, Page):
                        return answer
                    where = answer
        except httpx2.TimeoutException:
            raise MachineError("the server did not answer in time", where=one_line(url, 200), hint=_LATER) from None
        except httpx2.HTTPError as error:
            raise MachineError(f"cannot fetch it ({one_line(str(error), 120)})", where=one_line(url, 200)) from None
        raise Refused(f"more than {REDIRECTS} redirects", where=one_line(url, 200), hint="give the final address")

    def _visit(self, client: httpx2.Client, url: httpx2.URL, max_bytes: int, deadline: float) -> Page | httpx2.URL:
        target = self._target(url)
        address = target.addresses[0]
        pinned = url.copy_with(host=address)
        # The certificate is checked against the name, although the connection goes to the number.
        extensions = {"sni_hostname": target.host} if url.scheme == "https" else {}
        headers = {"Host": url.netloc.decode("ascii")}
        with client.stream("GET", pinned, headers=headers, extensions=extensions) as response:
            shown = one_line(str(url), 200)
            if response.status_code in _REDIRECT_CODES and "location" in response.headers:
                return _parsed(str(url.join(response.headers["location"])))
            _check_status(response.status_code, shown)
            _check_headers(response, shown, max_bytes)
            body = _read(response, shown, max_bytes, deadline)
            kind = response.headers.get("content-type", "").split(";")[0].strip().lower()
            return Page(str(url), kind, response.charset_encoding, body)

    def _target(self, url: httpx2.URL) -> Target:
        port = url.port or (443 if url.scheme == "https" else 80)
        host = url.host
        try:
            addresses = self._resolver(host, port)
        except OSError as error:
            if getattr(error, "errno", None) == socket.EAI_NONAME:
                raise NotFound("no such host", where=ascii(host), hint="check the name") from None
            raise MachineError("cannot resolve the host name", where=ascii(host), hint=_LATER) from None
        except UnicodeError:
            raise UsageError("not a host name", where=ascii(host)[:80]) from None
        return Target(host, port, tuple(addresses)) if self._allow_private else checked(host, port, addresses)


_LATER = "try again later"


def resolve(host: str, port: int) -> list[str]:
    """Return the addresses of `host` as the system resolves it.

    Raises:
        OSError: it does not resolve.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def _parsed(url: str) -> httpx2.URL:
    import httpx2

    if len(url) > URL_CHARS:
        raise UsageError(f"a URL longer than {URL_CHARS} characters", where=one_line(url, 80))
    try:
        parsed = httpx2.URL(url)
        port = parsed.port
    except (httpx2.InvalidURL, ValueError):
        raise UsageError("not a URL", where=one_line(url, 200), hint="write https://host/path") from None
    if parsed.scheme not in {"http", "https"}:
        raise UsageError("only http and https are fetched", where=one_line(url, 200))
    if not parsed.host or port == 0:
        raise UsageError("a URL without a host", where=one_line(url, 200), hint="write https://host/path")
    if parsed.userinfo:
        raise UsageError("a URL with a user name or password", hint="leave the part before @ out")
    return parsed


def _check_status(status: int, shown: str) -> None:
    if status in {404, 410}:
        raise NotFound(f"the server has no such page ({status})", where=shown)
    if status in _LATER_CODES:
        raise MachineError(f"the server answered {status}", where=shown, hint=_LATER)
    if not 200 <= status < 300:
        raise Refused(f"the server answered {status}", where=shown)


def _check_headers(response: httpx2.Response, shown: str, max_bytes: int) -> None:
    length = response.headers.get("content-length", "")
    if length.isascii() and length.isdigit() and (len(length) > 15 or int(length) > max_bytes):
        raise TooLarge(f"{length[:20]} bytes are over the limit of {max_bytes:,}", where=shown)
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in {"", "identity"}:
        # It was asked for plain bytes; a packed answer could unpack to a thousand times its size.
        raise UnreadableInput(f"the server sent it packed ({one_line(encoding, 40)})", where=shown)


def _read(response: httpx2.Response, shown: str, max_bytes: int, deadline: float) -> bytes:
    body = bytearray()
    for piece in response.iter_raw():
        body += piece
        if len(body) > max_bytes:
            raise TooLarge(f"it grew over the limit of {max_bytes:,} bytes", where=shown)
        if time.monotonic() > deadline:
            raise MachineError("the server takes too long to send it", where=shown, hint=_LATER)
    return bytes(body)
