"""The address guard: public addresses pass, everything else is refused with a reason."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bluelabel.agents.addresses import checked, refusal
from bluelabel.interfaces.errors import Refused

PRIVATE_BLOCKS = [
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",
    "240.0.0.0/4",
    "168.63.129.16/32",
]
PUBLIC = ["1.1.1.1", "8.8.8.8", "93.184.215.14", "151.101.1.69", "185.199.108.153"]


def in_block(block: str) -> st.SearchStrategy[IPv4Address]:
    network = ip_network(block)
    return st.integers(int(network.network_address), int(network.broadcast_address)).map(IPv4Address)


not_public = st.sampled_from(PRIVATE_BLOCKS).flatmap(in_block)


def wrapped(inner: IPv4Address) -> list[str]:
    number = int(inner)
    return [
        f"::ffff:{inner}",
        str(IPv6Address((0x0064FF9B << 96) | number)),
        str(IPv6Address((0x2002 << 112) | (number << 80))),
        str(IPv6Address((0x20010000 << 96) | (number ^ 0xFFFFFFFF))),
    ]


@given(not_public)
def test_every_address_of_a_closed_block_is_refused(address: IPv4Address) -> None:
    assert refusal(str(address)) is not None


@given(not_public)
def test_a_closed_address_wrapped_in_ipv6_is_refused(address: IPv4Address) -> None:
    assert [text for text in wrapped(address) if refusal(text) is None] == []


@pytest.mark.parametrize("address", [*PUBLIC, "2606:4700:4700::1111", "2a00:1450:4001:82b::200e"])
def test_a_public_address_passes(address: str) -> None:
    assert refusal(address) is None


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_passes_as_ipv4_mapped_and_through_nat64(address: str) -> None:
    mapped, nat64 = wrapped(IPv4Address(address))[:2]

    assert (refusal(mapped), refusal(nat64)) == (None, None)


@given(st.ip_addresses(v=4))
def test_what_the_standard_library_does_not_call_global_is_never_visited(address: IPv4Address) -> None:
    if not address.is_global or address.is_multicast:
        assert refusal(str(address)) is not None


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("127.0.0.1", "loopback"),
        ("::1", "loopback"),
        ("::", "unspecified"),
        ("0.0.0.0", "unspecified"),
        ("169.254.169.254", "link-local"),
        ("fe80::1", "link-local"),
        ("fe80::1%eth0", "link-local"),
        ("ff02::1", "multicast"),
        ("239.1.2.3", "multicast"),
        ("10.1.2.3", "private"),
        ("fd00:ec2::254", "reserved"),
        ("fec0::1", "reserved"),
        ("2001:db8::1", "reserved"),
        ("::ffff:10.0.0.1", "wrapped in IPv6"),
        ("::127.0.0.1", "wrapped in IPv6"),
        ("localhost", "not an IP address"),
        ("", "not an IP address"),
        ("0x7f.1", "not an IP address"),
    ],
)
def test_a_refusal_says_why(address: str, reason: str) -> None:
    assert reason in (refusal(address) or "")


def test_one_closed_address_among_public_ones_refuses_the_host() -> None:
    with pytest.raises(Refused, match="is in a private network"):
        checked("example.org", 443, ["1.1.1.1", "192.168.1.1"])


def test_a_host_without_address_is_refused() -> None:
    with pytest.raises(Refused, match="no address"):
        checked("example.org", 443, [])


def test_checked_addresses_are_kept_in_order() -> None:
    target = checked("example.org", 443, ["8.8.8.8", "1.1.1.1"])

    assert (target.host, target.port, target.addresses) == ("example.org", 443, ("8.8.8.8", "1.1.1.1"))
