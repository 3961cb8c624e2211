"""A page of another origin in a real browser."""

from __future__ import annotations

from selenium.webdriver import Chrome

from support.live import StartLive

#: Over each transport, what a page gets; then what becomes of a POST that needs no preflight.
_TRY = """
const [url, events, done] = [arguments[0], arguments[1], arguments[2]];
const source = new EventSource(url, {withCredentials: true});
const heard = new Promise((end) => {
  source.addEventListener("connected", () => end("connected"));
  source.onerror = () => end("failed");
});
const socket = new WebSocket(url.replace("http", "ws"), ["other", "streamer"]);
const opened = new Promise((end) => {
  socket.onmessage = ({data}) => end([socket.protocol, JSON.parse(data).type]);
  socket.onerror = () => end("failed");
});
const posted = fetch(events, {method: "POST", body: '{"type":"note"}', credentials: "include"})
  .then((answer) => answer.status, () => "failed");
Promise.all([heard, opened, posted]).then((all) => { source.close(); socket.close(); done(all); });
"""


def test_a_front_end_on_another_port_is_served_and_a_foreign_page_is_not(
    browser: Chrome, start_live: StartLive, project: str
) -> None:
    """With credentials and subprotocols; what a foreign page posts is not stored."""
    page = start_live()
    expectations: list[tuple[str, list[object]]] = [
        ("", ["connected", ["streamer", "connected"], 201]),
        (f"http://localhost:{page.port}", ["connected", ["streamer", "connected"], 201]),
        ("https://elsewhere.example", ["failed", ["streamer", "refused"], "failed"]),
    ]
    for origins, expected in expectations:
        live = start_live(STREAMER_ALLOWED_ORIGINS=origins)
        browser.get(f"http://localhost:{page.port}/healthz")
        url = f"{live.url}/api/v1/projects/{project}"
        got = browser.execute_async_script(_TRY, f"{url}/stream", f"{url}/events")
        assert got == expected, origins
        browser.get(f"{live.url}/api/v1/projects/{project}/events")
        assert ("note" in browser.page_source) is (expected[2] == 201)
        live.stop()
    # What a browser says of an answer that it keeps from a page is what was asked for here.
    browser.get_log("browser")  # type: ignore[no-untyped-call]
