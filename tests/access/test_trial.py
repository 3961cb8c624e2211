"""``streamer check`` says whether what the settings of access point to can be used."""

from __future__ import annotations

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from streamer.access.trial import Trial, try_out
from streamer.config.settings import Settings
from support.issuer import TokenIssuer
from support.signing import private_key, public_pem


class App(HTTPServer):
    """An application that answers everybody the same `status`."""

    status = 401

    def __init__(self) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                assert isinstance(self.server, App)
                self.send_response(self.server.status)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Write nothing."""

        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}/who"


@pytest.fixture
def app() -> Iterator[App]:
    with App() as server:
        thread = Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


async def test_without_any_settings_everybody_may_do_everything() -> None:
    assert await try_out(Settings()) == Trial("everybody who reaches the port may do everything")


async def test_a_key_that_is_set_can_be_used_or_stops_the_start(tmp_path: Path) -> None:
    for good in (
        Settings(auth_secret="s" * 32),
        Settings(auth_public_key=public_pem(private_key("ES256"))),
    ):
        assert await try_out(good) == Trial("by tokens, whose key can be used")
    missing = await try_out(Settings(auth_public_key=str(tmp_path / "issuer.pem")))
    assert missing.good is False
    assert "STREAMER_AUTH_PUBLIC_KEY cannot be used: its file" in missing.found


async def test_an_issuers_keys_are_counted(
    issuer: TokenIssuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(auth_jwks_url=issuer.url)
    untrusted = await try_out(settings)
    assert untrusted.good is None
    assert untrusted.found.endswith("it cannot be reached (SSLCertVerificationError)")
    monkeypatch.setenv("SSL_CERT_FILE", str(issuer.ca_file))
    issuer.rotate(keep_old=True)
    assert await try_out(settings) == Trial("by tokens; 2 keys of the issuer can be used")


async def test_the_application_is_to_refuse_whoever_presents_nothing(app: App) -> None:
    settings = Settings(auth_url=app.url)
    for status, good, said in (
        (401, True, "refuses whoever presents nothing (401)"),
        (403, True, "refuses whoever presents nothing (403)"),
        (200, None, "lets in whoever presents nothing"),
        (302, None, "answers 302 where it should refuse"),
    ):
        app.status = status
        found = await try_out(settings)
        assert found.good is good
        assert said in found.found
    away = await try_out(Settings(auth_url="http://127.0.0.1:1/who"))
    assert away.good is None
    assert "cannot be asked: it cannot be reached" in away.found
