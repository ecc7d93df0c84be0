"""Where a webhook may go: to addresses of the open internet, and to the lender's own machines that the policy names.

A program that may make webhooks must not be able to let the office knock inside the lender's network. So a host is looked up
at each delivery, every address found must be one of the open internet, and that very address is called; nothing is followed
further, and of the answer only the status is read. ``policy/access.toml`` may name exceptions: ``webhook_hosts = ["crm.bank"]``.
"""

import ipaddress
import socket
import threading
import tomllib
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from dunwell.policy import PolicyError

_KEY = "webhook_hosts"
PATIENCE_SECONDS = 10.0
"""How long an address may take to connect, to take a message and to answer, each."""
_LONGEST_SECONDS = 20.0
"""How long it may take in all, however slowly it answers."""


class NotReached(ValueError):
    """A webhook may not go to this address; says why and the mend."""


def hosts_named(policy: Path) -> frozenset[str]:
    """The lender's own machines that webhooks may go to, by the lender's policy folder. Raises PolicyError."""
    file = policy / "access.toml"
    if not file.is_file():
        return frozenset()
    try:
        named = tomllib.loads(file.read_text(encoding="utf-8")).get(_KEY, [])
    except tomllib.TOMLDecodeError as error:
        raise PolicyError(file, _KEY, f"cannot be read ({error})", "Mend the TOML") from error
    if not isinstance(named, list) or not all(isinstance(one, str) and one for one in named):
        raise PolicyError(file, _KEY, f"is {named!r}", 'Write a list of hosts: ["crm.bank.example"]')
    return frozenset(one.lower() for one in named)


def check_url(url: str, named: frozenset[str]) -> str:
    """The host of an address that a webhook may have. Raises NotReached.

    A name is looked up only when something is delivered; an address that is written out is judged at once.
    """
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname, parts.port
        asked = httpx.URL(url).host
    except (ValueError, httpx.InvalidURL) as error:
        raise NotReached("url is no https address. Write https://HOST/PATH") from error
    if not host or not asked or parts.username is not None:
        raise NotReached("url is no https address without a name and password. Write https://HOST/PATH")
    is_named = host in named
    if not is_named and (host == "localhost" or not _is_open(host)):
        raise NotReached(_closed(host))
    if parts.scheme != "https" and not (parts.scheme == "http" and is_named):
        raise NotReached("url is no https address. Write https://HOST/PATH")
    return host


def post(url: str, body: bytes, headers: dict[str, str], named: frozenset[str] = frozenset()) -> int:
    """Send a message; the status answered. Raises NotReached, httpx.HTTPError."""
    host = check_url(url, named)
    called = httpx.URL(url)
    more: dict[str, str] = {}
    if host not in named:
        headers = headers | {"Host": called.netloc.decode("ascii")}
        more = {"sni_hostname": called.raw_host.decode("ascii").strip("[]")}
        called = called.copy_with(host=_address(host, called.port or 443))
    with httpx.Client(timeout=PATIENCE_SECONDS, trust_env=False) as client:
        end = threading.Timer(_LONGEST_SECONDS, client.close)
        end.daemon = True
        end.start()
        try:
            with client.stream("POST", called, content=body, headers=headers, extensions=more) as answer:
                return answer.status_code
        except RuntimeError as error:  # the client was closed while the answer came
            raise httpx.ReadTimeout("the answer took too long") from error
        finally:
            end.cancel()


def _address(host: str, port: int) -> str:
    """The first address of a host, all of which lie in the open internet. Raises NotReached, httpx.ConnectError."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise httpx.ConnectError("there is no such host") from error
    addresses = [str(one[4][0]) for one in found]
    if not all(_is_open(one) for one in addresses):
        raise NotReached(_closed(host))
    return addresses[0]


def _is_open(host: str) -> bool:
    """Whether an address lies in the open internet; a name does as far as it tells."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return True
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return address.is_global and not address.is_multicast


def _closed(host: str) -> str:
    return f"url: {host} is no address of the open internet. Name it in {_KEY} of policy/access.toml if it is yours"
