"""The clock of a page in a test's hands: it goes on, and can be moved forward."""

from __future__ import annotations

from typing import Final

from selenium.webdriver import Chrome

#: Timers and `Date.now` of the page, from before its first script. `skip(ms)`: all that time
#: goes by at once, and what is due meanwhile happens. `sleep(ms)`: the machine slept for so
#: long; timers go on where they were. `throttle(ms)`: timers are due no sooner than that, as
#: those of a tab that has long been in the background.
_CLOCK: Final = """
{
  const { setTimeout: set, clearTimeout: clear } = window;
  const now = Date.now;
  const timers = new Map();
  let ahead = 0;
  let least = 0;
  let last = 0;
  const arm = (id) => {
    const timer = timers.get(id);
    clear(timer.real);
    timer.real = set(() => fire(id), Math.max(0, timer.due - now() - ahead));
  };
  const fire = (id) => {
    const timer = timers.get(id);
    if (!timer) return;
    clear(timer.real);
    if (timer.every === null) timers.delete(id);
    else {
      timer.due = now() + ahead + Math.max(timer.every, least, 1);
      arm(id);
    }
    timer.call(...timer.given);
  };
  const add = (call, ms, isEvery, given) => {
    const every = isEvery ? ms : null;
    last += 1;
    timers.set(last, { call, given, every, due: now() + ahead + Math.max(ms, least) });
    arm(last);
    return last;
  };
  const remove = (id) => {
    clear(timers.get(id)?.real);
    timers.delete(id);
  };
  Date.now = () => now() + ahead;
  window.setTimeout = (call, ms = 0, ...given) => add(call, Number(ms) || 0, false, given);
  window.setInterval = (call, ms = 0, ...given) => add(call, Number(ms) || 0, true, given);
  window.clearTimeout = window.clearInterval = remove;
  window.clock = {
    skip(ms) {
      ahead += ms;
      const due = [...timers].filter(([, timer]) => timer.due <= now() + ahead);
      for (const [id] of due.sort(([, a], [, b]) => a.due - b.due)) fire(id);
    },
    sleep(ms) {
      ahead += ms;
      for (const [id, timer] of timers) {
        timer.due += ms;
        arm(id);
      }
    },
    throttle(ms) {
      least = ms;
    },
  };
}
"""


def hold_clock(browser: Chrome) -> None:
    """Do so in every page that this tab opens from now on."""
    browser.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": _CLOCK})
