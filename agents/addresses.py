"""Which network addresses an agent may visit: the guard against being sent to the machine's own network. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

from bluelabel.interfaces.errors import Refused

_NAT64 = IPv6Network("64:ff9b::/96")
_COMPATIBLE = IPv6Network("::/96")

# Blocks that some versions of `ipaddress` call global although nothing public answers there,
# and one public address that cloud machines use to reach their own host.
_CLOSED: Final[tuple[IPv4Network | IPv6Network, ...]] = tuple(
    ip_network(block)
    for block in (
        "0.0.0.0/8",
        "100.64.0.0/10",
        "168.63.129.16/32",
        "192.0.0.0/24",
        "192.88.99.0/24",
        "198.18.0.0/15",
        "240.0.0.0/4",
        "64:ff9b:1::/48",
        "100::/64",
        "2001::/23",
        "2001:db8::/32",
        "3fff::/20",
        "5f00::/16",
        "fc00::/7",
        "fec0::/10",
    )
)


@dataclass(frozen=True, slots=True)
class Target:
    """Where to connect: the addresses that were checked, in the order the resolver gave them."""

    host: str
    port: int
    addresses: tuple[str, ...]


def refusal(address: str) -> str | None:
    """Return why an IP address may not be visited, or None when it is an ordinary public one.

    Addresses that carry another one inside (IPv4-mapped, IPv4-compatible, 6to4, Teredo, NAT64) are judged by both.
    """
    try:
        ip = ip_address(address.split("%", 1)[0])
    except ValueError:
        return "not an IP address"
    inner = _inner(ip) if isinstance(ip, IPv6Address) else ()
    reasons = [_reason(each) for each in inner]
    if inner and any(reasons):
        return next(f"{reason}, wrapped in IPv6" for reason in reasons if reason)
    # An IPv4-mapped or NAT64 address reaches exactly its inner one; the outer form says nothing more.
    if isinstance(ip, IPv6Address) and (ip.ipv4_mapped is not None or ip in _NAT64):
        return None
    return _reason(ip)


def checked(host: str, port: int, addresses: Sequence[str]) -> Target:
    """Return the target if every address that `host` resolved to may be visited.

    One bad address among good ones refuses all: whoever publishes both is trying something.

    Raises:
        Refused: with the address and the reason.
    """
    for address in addresses:
        reason = refusal(address)
        if reason:
            raise Refused(
                f"will not visit {host}: {address} is {reason}",
                hint="only public addresses are visited; save the page to a file and ingest that",
            )
    if not addresses:
        raise Refused(f"will not visit {host}: it has no address", hint="check the name")
    return Target(host, port, tuple(addresses))


def _inner(ip: IPv6Address) -> tuple[IPv4Address, ...]:
    found = [ip.ipv4_mapped, ip.sixtofour, *(ip.teredo or ())]
    if ip in _NAT64 or (ip in _COMPATIBLE and int(ip) > 0xFFFF):
        found.append(IPv4Address(int(ip) & 0xFFFFFFFF))
    return tuple(each for each in found if each is not None)


def _reason(ip: IPv4Address | IPv6Address) -> str | None:
    checks = (
        (ip.is_unspecified, "the unspecified address"),
        (ip.is_loopback, "this machine (loopback)"),
        (ip.is_link_local, "link-local"),
        (ip.is_multicast, "multicast"),
        (any(ip.version == block.version and ip in block for block in _CLOSED), "reserved"),
        (ip.is_private, "in a private network"),
        (ip.is_reserved or not ip.is_global, "reserved"),
    )
    return next((reason for is_so, reason in checks if is_so), None)
