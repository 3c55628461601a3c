"""Addresses: what they look like, and whom they stand for."""

import socket
from functools import lru_cache
from ipaddress import ip_address, ip_network

NETWORKS_KEPT = 10_000


def family_of(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


@lru_cache(maxsize=NETWORKS_KEPT)
def network_of(address: str | None, *, v4_bits: int = 24) -> str:
    """What one customer of a provider holds: a part of IPv4, a /64 of IPv6."""
    if address is None:  # a socket without one
        return "unknown"
    try:
        host = ip_address(address)
    except ValueError:
        return address
    host = getattr(host, "ipv4_mapped", None) or host
    return str(ip_network((host, v4_bits if host.version == 4 else 64), strict=False))
