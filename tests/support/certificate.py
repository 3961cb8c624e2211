"""Certificates of an authority of the tests' own."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import trustme

#: What the servers of the tests are asked under.
_NAMES: Final = ("localhost", "127.0.0.1")

#: The file, beside those of its certificates, with the authority's own.
AUTHORITY: Final = "authority.pem"


@dataclass(frozen=True)
class Certificate:
    """The files of one certificate.

    Attributes:
        chain, key: two files, PEM.
        both: one file with both.
        authority: whose certificates a client has to trust.
    """

    chain: Path
    key: Path
    both: Path
    authority: Path

    def context(self) -> ssl.SSLContext:
        """What a client connects with."""
        return ssl.create_default_context(cafile=self.authority)

    def settings(self) -> dict[str, str]:
        """Those of a server that has it."""
        return {"STREAMER_TLS_CERT": str(self.chain), "STREAMER_TLS_KEY": str(self.key)}


def context_of(chain: str | None) -> ssl.SSLContext:
    """What a client connects with to whoever has a certificate of `Authority`, or none."""
    authority = None if chain is None else Path(chain).parent / AUTHORITY
    return ssl.create_default_context(cafile=authority)


class Authority:
    """Issues certificates for the loopback into `directory`."""

    def __init__(self, directory: Path) -> None:
        self._directory: Final = directory
        self._ca: Final = trustme.CA()

    def issue(self, name: str = "server", *, until: datetime | None = None) -> Certificate:
        """A new certificate, in files of `name`; those of an earlier one are replaced."""
        issued = self._ca.issue_cert(*_NAMES, not_after=until)
        made = Certificate(
            chain=self._directory / f"{name}.crt",
            key=self._directory / f"{name}.key",
            both=self._directory / f"{name}.pem",
            authority=self._directory / AUTHORITY,
        )
        self._ca.cert_pem.write_to_path(made.authority)
        chain = b"".join(blob.bytes() for blob in issued.cert_chain_pems)
        made.key.write_bytes(issued.private_key_pem.bytes())
        made.chain.write_bytes(chain)
        made.both.write_bytes(issued.private_key_and_cert_chain_pem.bytes())
        return made
