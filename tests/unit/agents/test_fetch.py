"""Fetching over real sockets: the guard, the pin, the limits."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from bluelabel.agents.fetch import Fetcher, resolve
from bluelabel.interfaces.errors import MachineError, NotFound, Refused, TooLarge, UnreadableInput, UsageError


class Site:
    """A loopback web server whose pages are functions of the request handler."""

    def __init__(self) -> None:
        self.pages: dict[str, Callable[[BaseHTTPRequestHandler], None]] = {}
        self.seen: list[tuple[str, str]] = []
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                site.seen.append((self.headers["Host"], self.path))
                page = site.pages.get(self.path)
                if page is None:
                    self.send_error(404)
                else:
                    page(self)

            def log_message(self, *_args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_port
        self.url = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()

    def page(
        self,
        path: str,
        body: bytes = b"",
        status: int = 200,
        kind: str = "text/html",
        encoding: str = "",
        **headers: str,
    ) -> None:
        def answer(handler: BaseHTTPRequestHandler) -> None:
            handler.send_response(status)
            handler.send_header("Content-Type", kind)
            handler.send_header("Content-Length", str(len(body)))
            if encoding:
                handler.send_header("Content-Encoding", encoding)
            for name, value in headers.items():
                handler.send_header(name, value)
            handler.end_headers()
            handler.wfile.write(body)

        self.pages[path] = answer

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self._thread.join()


@pytest.fixture
def site() -> Iterator[Site]:
    made = Site()
    yield made
    made.close()


def to_loopback(_host: str, _port: int) -> Sequence[str]:
    return ["127.0.0.1"]


def test_a_page_is_fetched(site: Site) -> None:
    site.page("/a", b"hello", kind="Text/Plain; charset=utf-8")

    page = Fetcher(allow_private=True).get(site.url + "/a", max_bytes=100)

    assert (page.url, page.content_type, page.charset, page.body) == (site.url + "/a", "text/plain", "utf-8", b"hello")


def test_without_leave_the_own_machine_is_not_asked(site: Site) -> None:
    site.page("/a", b"hello")

    with pytest.raises(Refused, match="loopback"):
        Fetcher().get(site.url + "/a", max_bytes=100)
    assert site.seen == []


@pytest.mark.parametrize("host", ["localhost", "2130706433", "0x7f000001", "127.1", "[::1]", "[::ffff:127.0.0.1]"])
def test_no_way_of_writing_loopback_gets_through(site: Site, host: str) -> None:
    site.page("/", b"hello")

    with pytest.raises((Refused, UsageError, NotFound, MachineError)) as caught:
        Fetcher().get(f"http://{host}:{site.port}/", max_bytes=100)
    assert "answered" not in str(caught.value)
    assert site.seen == []


def test_the_connection_goes_to_the_address_that_was_checked(site: Site) -> None:
    """A name that resolves to something else on the second look is not looked up a second time."""
    site.page("/a", b"hello")
    asked: list[str] = []

    def resolver(host: str, _port: int) -> Sequence[str]:
        asked.append(host)
        return ["127.0.0.1"]

    page = Fetcher(allow_private=True, resolver=resolver).get(f"http://no.such.host.invalid:{site.port}/a", max_bytes=9)

    assert page.body == b"hello"
    assert asked == ["no.such.host.invalid"]
    assert site.seen == [(f"no.such.host.invalid:{site.port}", "/a")]


def test_a_name_that_resolves_to_a_private_address_is_refused(site: Site) -> None:
    with pytest.raises(Refused, match="private network"):
        Fetcher(resolver=lambda _h, _p: ["10.0.0.7"]).get("http://example.org/", max_bytes=9)


def test_every_redirect_is_checked(site: Site) -> None:
    """The first host may be visited, the one it points to may not."""
    site.page("/a", status=302, Location="http://inside.example/secret")

    class Half(Fetcher):
        def _target(self, url: Any) -> Any:
            self._allow_private = url.host == "outside.example"
            return super()._target(url)

    fetcher = Half(resolver=to_loopback)
    with pytest.raises(Refused, match="will not visit inside"):
        fetcher.get(f"http://outside.example:{site.port}/a", max_bytes=100)
    assert [path for _, path in site.seen] == ["/a"]


def test_a_redirect_is_followed_relative_to_where_it_was_found(site: Site) -> None:
    site.page("/a", status=301, Location="b?x=1")
    site.page("/b?x=1", b"there")

    page = Fetcher(allow_private=True).get(site.url + "/a", max_bytes=100)

    assert (page.url, page.body) == (site.url + "/b?x=1", b"there")


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://example.org/", "gopher://example.org:70/"])
def test_a_redirect_to_another_scheme_is_refused(site: Site, target: str) -> None:
    site.page("/a", status=302, Location=target)

    with pytest.raises(UsageError, match="only http and https"):
        Fetcher(allow_private=True).get(site.url + "/a", max_bytes=100)


def test_going_round_in_redirects_ends(site: Site) -> None:
    site.page("/a", status=302, Location="/a")

    with pytest.raises(Refused, match="more than 5 redirects"):
        Fetcher(allow_private=True).get(site.url + "/a", max_bytes=100)


def test_a_redirect_without_a_place_is_an_answer_that_means_no(site: Site) -> None:
    site.page("/a", status=302)

    with pytest.raises(Refused, match="answered 302"):
        Fetcher(allow_private=True).get(site.url + "/a", max_bytes=100)


def test_a_page_that_says_it_is_too_long_is_not_read(site: Site) -> None:
    read = threading.Event()

    def endless(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "1000000000")
        handler.end_headers()
        read.set()

    site.pages["/a"] = endless

    with pytest.raises(TooLarge, match="1000000000 bytes are over the limit of 100"):
        Fetcher(allow_private=True).get(site.url + "/a", max_bytes=100)
    assert read.wait(30)


def test_a_page_that_hides_its_length_is_cut_off(site: Site) -> None:
    stopped = threading.Event()

    def endless(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        try:
            while True:
                handler.wfile.write(b"x" * 65536)
        except OSError:
            stopped.set()

    site.pages["/a"] = endless

    with pytest.raises(TooLarge, match="grew over the limit"):
        Fetcher(allow_private=True).get(site.url + "/a", max_bytes=100_000)
    assert stopped.wait(10)


def test_a_packed_page_is_refused(site: Site) -> None:
    site.page("/a", b"\x1f\x8b", encoding="gzip")

    with pytest.raises(UnreadableInput, match="packed"):
        Fetcher(allow_private=True).get(site.url + "/a", max_bytes=100)


@pytest.mark.parametrize(
    ("status", "error", "text"),
    [(404, NotFound, "404"), (410, NotFound, "410"), (503, MachineError, "503"), (403, Refused, "403")],
)
def test_what_the_server_answers_decides_whether_to_try_again(
    site: Site, status: int, error: type[Exception], text: str
) -> None:
    site.page("/a", status=status)

    with pytest.raises(error, match=text):
        Fetcher(allow_private=True).get(site.url + "/a", max_bytes=100)


def test_a_server_that_says_nothing_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        with pytest.raises(MachineError, match="did not answer in time"):
            Fetcher(allow_private=True, timeout=0.2).get(url, max_bytes=100)


def test_a_server_that_drips_is_given_up(site: Site) -> None:
    free = threading.Event()

    def drip(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        try:
            while not free.wait(0.05):
                handler.wfile.write(b"x")
        except OSError:
            pass

    site.pages["/a"] = drip
    try:
        with pytest.raises(MachineError, match="takes too long"):
            Fetcher(allow_private=True, timeout=0.4).get(site.url + "/a", max_bytes=100)
    finally:
        free.set()


def test_nobody_at_the_address_is_an_error_that_may_pass() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

    with pytest.raises(MachineError, match="cannot fetch it"):
        Fetcher(allow_private=True).get(f"http://127.0.0.1:{port}/", max_bytes=100)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "hello",
        "file:///etc/passwd",
        "http://",
        "http:///path",
        "http://user:word@example.org/",
        "http://example.org:0/",
        "http://example.org:99999/",
        "javascript:alert(1)",
        "http://exa mple.org/\0",
        "http://example.org/" + "x" * 5000,
        "http://" + "a" * 300 + ".example/",
    ],
)
def test_what_is_no_url_is_refused(url: str) -> None:
    with pytest.raises((UsageError, NotFound)):
        Fetcher(resolver=resolve if len(url) < 5000 else None).get(url, max_bytes=100)


def test_a_name_that_does_not_exist_is_not_found() -> None:
    def resolver(_host: str, _port: int) -> Sequence[str]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    with pytest.raises(NotFound, match="no such host"):
        Fetcher(resolver=resolver).get("http://example.org/", max_bytes=100)


def test_a_resolver_in_trouble_is_an_error_that_may_pass() -> None:
    def resolver(_host: str, _port: int) -> Sequence[str]:
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure")

    with pytest.raises(MachineError, match="cannot resolve"):
        Fetcher(resolver=resolver).get("http://example.org/", max_bytes=100)


def self_signed(folder: Path, name: str) -> Path:
    """Return a file with a key and a certificate that nobody has signed."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path = folder / "server.pem"
    path.write_bytes(pem + certificate.public_bytes(serialization.Encoding.PEM))
    return path


def test_the_certificate_is_asked_for_by_name_and_must_be_trusted(tmp_path: Path) -> None:
    """The connection goes to the checked number, the handshake names the host, and an unsigned certificate ends it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(self_signed(tmp_path, "pinned.example"))
    named: list[str | None] = []
    context.sni_callback = lambda _socket, name, _context: named.append(name)

    def serve(listening: socket.socket) -> None:
        connection, _ = listening.accept()
        with connection, suppress(OSError):
            context.wrap_socket(connection, server_side=True).close()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = threading.Thread(target=serve, args=(listening,))
        server.start()
        url = f"https://pinned.example:{listening.getsockname()[1]}/"
        with pytest.raises(MachineError, match="cannot fetch it"):
            Fetcher(allow_private=True, resolver=to_loopback).get(url, max_bytes=9)
        server.join()

    assert named == ["pinned.example"]


def test_the_system_resolves_names() -> None:
    assert "127.0.0.1" in resolve("localhost", 80) or "::1" in resolve("localhost", 80)
