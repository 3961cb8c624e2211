// A browser whose connections and clock a test holds.

export class FakeEnvironment {
  connections = [];
  time = 1_000_000;
  timers = new Map();
  answer = { status: 200 };
  #next = 1;

  constructor() {
    const environment = this;
    this.EventSource = class {
      readyState = 1;
      constructor(url) {
        this.url = new URL(url);
        environment.connections.push(this);
      }
      close() {
        this.closed = true;
      }
    };
    this.WebSocket = class {
      readyState = 1;
      sent = [];
      constructor(url) {
        this.url = new URL(url);
        environment.connections.push(this);
      }
      send(text) {
        this.sent.push(text);
      }
      close() {
        this.closed = true;
      }
    };
  }

  random = () => 1;
  now = () => this.time;
  setTimeout = (call, ms) => this.#timer(call, ms, null);
  setInterval = (call, ms) => this.#timer(call, ms, ms);
  clearTimeout = (id) => this.timers.delete(id);
  clearInterval = (id) => this.timers.delete(id);
  fetch = async () => {
    if (this.answer instanceof Error) throw this.answer;
    const { status, problem } = this.answer;
    return { status, ok: status < 300, json: async () => problem };
  };

  get last() {
    return this.connections.at(-1);
  }

  /** What the server sends on the newest connection, or on another. */
  say(body, connection = this.last) {
    connection.onmessage({ data: JSON.stringify(body) });
  }

  connect({ cursor = "1-0", topic = "projects/p", ...more } = {}) {
    this.say({ type: "connected", topic, cursor, resumed: false, ...more });
  }

  /** The connection breaks as it does when the server is gone. */
  break() {
    this.last.readyState = 0;
    this.last.onerror();
  }

  /** The answer to the request is no stream. */
  async refuse(answer) {
    this.answer = answer;
    this.last.readyState = 2;
    this.last.onerror();
    // Let the question that the client asks of the same address be answered.
    await new Promise((done) => setImmediate(done));
  }

  advance(ms) {
    const end = this.time + ms;
    for (;;) {
      const due = [...this.timers.entries()].filter(([, timer]) => timer.at <= end);
      if (due.length === 0) break;
      const [id, timer] = due.sort(([, a], [, b]) => a.at - b.at)[0];
      this.time = timer.at;
      if (timer.every === null) this.timers.delete(id);
      else timer.at += timer.every;
      timer.call();
    }
    this.time = end;
  }

  #timer(call, ms, every) {
    this.timers.set(this.#next, { call, at: this.time + ms, every });
    return this.#next++;
  }
}
