/**
 * One upload by the tus protocol 1.0: in pieces, and continued where the server has it. No DOM.
 *
 * @module
 */

import { objectOf, textOf } from "./fields.js";

/** @import { Access } from "./access.js" */

/** Bytes of one piece: what a lost connection costs at most, and memory of nobody. */
const PIECE = 8 * 1024 * 1024;
/** Milliseconds before the first new attempt, doubled for each that fails, and at most. */
const RETRY_MS = 1000;
const MAX_RETRY_MS = 15_000;
const VERSION = { "Tus-Resumable": "1.0.0" };

/**
 * @typedef {object} Progress
 * @property {"sending" | "waiting" | "paused" | "done" | "failed" | "cancelled"} state
 * @property {number} sent bytes that the server has
 * @property {string | null} said one sentence: why it waits, or failed
 * @property {string | null} id of the upload, and of its job; null before the server knows it
 */

export class Upload {
  #access;
  #api;
  #file;
  #project;
  #told;
  #wait;
  /** @type {string | null} */
  #location = null;
  /** @type {AbortController} */
  #request = new AbortController();
  /** @type {Progress} */
  #now = { state: "sending", sent: 0, said: null, id: null };
  #failures = 0;
  #isRunning = false;

  /**
   * @param {string} api the server's address
   * @param {Blob & {name?: string}} file
   * @param {string} project
   * @param {object} options
   * @param {Pick<Access, "fetch">} options.access
   * @param {(progress: Progress) => void} options.told called with each change
   * @param {(ms: number, signal: AbortSignal) => Promise<void>} [options.wait]
   */
  constructor(api, file, project, { access, told, wait = waiting }) {
    this.#api = api;
    this.#file = file;
    this.#project = project;
    this.#access = access;
    this.#told = told;
    this.#wait = wait;
  }

  get progress() {
    return this.#now;
  }

  /** Send it, or go on; returns once it is over, or paused. */
  async start() {
    if (this.#isRunning || ["done", "failed", "cancelled"].includes(this.#now.state)) return;
    this.#isRunning = true;
    this.#request = new AbortController();
    const { signal } = this.#request;
    this.#tell({ state: "sending", said: null });
    let isKnown = false;
    while (!signal.aborted && this.#now.state !== "done") {
      try {
        if (this.#location === null) await this.#create(signal);
        else if (!isKnown) await this.#look(signal);
        isKnown = true;
        await this.#send(signal);
        this.#failures = 0;
      } catch (error) {
        if (signal.aborted) break;
        const { message, final } = /** @type {Error & {final?: boolean}} */ (error);
        if (final) {
          this.#tell({ state: "failed", said: message });
          break;
        }
        isKnown = false;
        const ms = Math.min(MAX_RETRY_MS, RETRY_MS * 2 ** this.#failures++);
        this.#tell({ state: "waiting", said: `${message} It goes on by itself.` });
        await this.#wait(ms, signal);
        if (!signal.aborted) this.#tell({ state: "sending", said: null });
      }
    }
    this.#isRunning = false;
  }

  /** Send nothing more until it is started again. */
  pause() {
    if (this.#now.state !== "sending" && this.#now.state !== "waiting") return;
    this.#request.abort();
    this.#tell({ state: "paused", said: null });
  }

  /** Remove what was sent. */
  async cancel() {
    if (["done", "failed", "cancelled"].includes(this.#now.state)) return;
    this.#request.abort();
    this.#tell({ state: "cancelled", said: null });
    if (this.#location !== null) {
      await this.#access.fetch(this.#location, { method: "DELETE", headers: VERSION }).catch(() => {});
    }
  }

  async #create(/** @type {AbortSignal} */ signal) {
    const metadata = [["project_id", this.#project], ["filename", this.#file.name ?? "video"]];
    const answer = await this.#ask(`${this.#api}/uploads`, {
      method: "POST",
      headers: {
        "Upload-Length": String(this.#file.size),
        "Upload-Metadata": metadata.map(([name, text]) => `${name} ${base64(text ?? "")}`).join(","),
      },
      signal,
    });
    const location = answer.headers.get("Location");
    const id = location?.split("/").at(-1) ?? null;
    if (id === null) throw final("The server did not say where the upload goes.");
    // Beside this address, whatever a proxy put before it.
    this.#location = `${this.#api}/uploads/${id}`;
    this.#tell({ id, sent: Number(answer.headers.get("Upload-Offset")) || 0 });
  }

  /** See how much the server has. */
  async #look(/** @type {AbortSignal} */ signal) {
    const answer = await this.#ask(this.#location ?? "", { method: "HEAD", signal });
    const sent = Number(answer.headers.get("Upload-Offset"));
    if (!Number.isInteger(sent) || sent < 0 || sent > this.#file.size) throw final("The server has another file.");
    this.#tell({ sent });
    if (sent === this.#file.size) this.#tell({ state: "done" });
  }

  async #send(/** @type {AbortSignal} */ signal) {
    if (this.#now.state === "done") return;
    const { sent } = this.#now;
    const answer = await this.#ask(this.#location ?? "", {
      method: "PATCH",
      headers: { "Upload-Offset": String(sent), "Content-Type": "application/offset+octet-stream" },
      body: this.#file.slice(sent, sent + PIECE),
      signal,
    });
    const now = Number(answer.headers.get("Upload-Offset"));
    if (!(now > sent) && this.#file.size > 0) throw new Error("The server took nothing.");
    this.#tell({ sent: now, ...(now === this.#file.size && { state: /** @type {const} */ ("done") }) });
  }

  /** @param {string} url @param {RequestInit} init */
  async #ask(url, init) {
    const answer = await this.#access.fetch(url, { ...init, headers: { ...init.headers, ...VERSION } }).catch(() => {
      throw new Error("The server cannot be reached.");
    });
    if (answer.ok) return answer;
    const problem = objectOf(await answer.json().catch(() => ({})));
    const detail = textOf(problem.detail) ?? refusal(answer.status);
    // Another request still writes it, or it stands elsewhere: look, and go on.
    const again = [408, 409, 423, 429, 500, 502, 503, 504].includes(answer.status);
    throw again ? new Error(detail) : final(detail);
  }

  #tell(/** @type {Partial<Progress>} */ changes) {
    // What was ended is, whatever still arrives.
    if (["cancelled", "failed"].includes(this.#now.state)) return;
    this.#now = { ...this.#now, ...changes };
    this.#told(this.#now);
  }
}

/** What an answer without a problem says, as that to HEAD. */
function refusal(/** @type {number} */ status) {
  if (status === 404 || status === 410) return "The server does not have this upload any more: it has ended, or took too long.";
  return status === 401 ? "The server asks who you are." : `The server answered ${status}.`;
}

function final(/** @type {string} */ message) {
  return Object.assign(new Error(message), { final: true });
}

/** UTF-8 in base64. */
function base64(/** @type {string} */ text) {
  return btoa(String.fromCodePoint(...new TextEncoder().encode(text.slice(0, 200))));
}

/** @param {number} ms @param {AbortSignal} signal @returns {Promise<void>} */
function waiting(ms, signal) {
  return new Promise((done) => {
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      done();
    });
  });
}
