/**
 * The last minute of the stream as a drawing: a tick for each event at its own
 * time, as high as the progress it reports, and a hatched band where there was no
 * connection. What was replayed stands where it belongs: inside the band.
 *
 * @module
 */

import { fractionOf } from "./fields.js";

/** @import { Body } from "./client/wire.d.ts" */

/** Milliseconds from the left edge to the right. */
const SPAN_MS = 60_000;
/** Ticks remembered; a stream of a thousand events a second is a solid block anyway. */
const MAX_TICKS = 4000;
/** CSS pixels. */
const TICK = 2;
const MARGIN = 6;
/** CSS pixels free at the left and right edges: those of the text above and below. */
const SIDE = 19;
/** CSS pixels below which a band is a line: a switch of transport takes an instant. */
const NARROW = 5;

/** @typedef {{at: number, height: number, replayed: boolean, end: boolean, failed: boolean}} Tick */

export class Strip {
  #canvas;
  /** @type {Tick[]} */
  #ticks = [];
  /** @type {{from: number, to: number | null}[]} */
  #away = [];
  /** Before the first connection nothing was missed. */
  #begun = false;

  /** @param {HTMLCanvasElement} canvas */
  constructor(canvas) {
    this.#canvas = canvas;
  }

  /**
   * @param {Body} body
   * @param {boolean} replayed
   * @param {number} at milliseconds since 1970, by the log's clock
   */
  add(body, replayed, at) {
    const height = body.type === "progress" ? (fractionOf(body.progress) ?? 0) : body.type === "completed" ? 1 : 0;
    const failed = body.type === "error";
    this.#ticks.push({ at, height, replayed, end: failed || body.type === "completed", failed });
    if (this.#ticks.length > MAX_TICKS) this.#ticks.splice(0, MAX_TICKS / 4);
  }

  /** @param {boolean} connected @param {number} now */
  connection(connected, now) {
    const last = this.#away.at(-1);
    const isAway = last !== undefined && last.to === null;
    this.#begun ||= connected;
    if (!connected && !isAway && this.#begun) this.#away.push({ from: now, to: null });
    else if (connected && isAway) last.to = now;
  }

  clear() {
    this.#ticks = [];
    this.#away = [];
    this.#begun = false;
  }

  /** @param {number} now milliseconds since 1970, by the log's clock */
  draw(now) {
    const canvas = this.#canvas;
    const { width, height } = canvas.getBoundingClientRect();
    const ratio = globalThis.devicePixelRatio || 1;
    const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
    if (canvas.width !== w || canvas.height !== h) [canvas.width, canvas.height] = [w, h];
    const pen = canvas.getContext("2d");
    if (pen === null) return;
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, width, height);

    const style = getComputedStyle(canvas);
    const colour = (/** @type {string} */ name) => style.getPropertyValue(name).trim();
    const left = now - SPAN_MS;
    const x = (/** @type {number} */ at) => SIDE + ((at - left) / SPAN_MS) * (width - 2 * SIDE);
    const base = height - MARGIN - 14;
    const tall = base - MARGIN;

    this.#away = this.#away.filter((band) => (band.to ?? now) > left);
    for (const { from, to } of this.#away) {
      const [begin, end] = [x(Math.max(from, left)), x(to ?? now)];
      if (end - begin >= NARROW) {
        hatch(pen, begin, end, base, colour("--away"));
      } else {
        pen.fillStyle = colour("--away");
        pen.fillRect(begin, 0, 1, base);
      }
    }
    pen.fillStyle = colour("--rule");
    pen.fillRect(0, base, width, 1);
    scale(pen, now, x, height, colour("--muted"));

    this.#ticks = this.#ticks.filter((tick) => tick.at > left);
    for (const tick of this.#ticks) {
      const top = Math.max(5, tick.height * tall);
      pen.fillStyle = colour(tick.failed ? "--bad" : tick.replayed ? "--replayed" : "--live");
      pen.fillRect(x(tick.at) - TICK, base - top, TICK, top);
      if (tick.end) {
        pen.beginPath();
        pen.arc(x(tick.at) - TICK / 2, base - top, 3.5, 0, Math.PI * 2);
        pen.fill();
      }
    }
  }
}

function hatch(/** @type {CanvasRenderingContext2D} */ pen, /** @type {number} */ from, /** @type {number} */ to, /** @type {number} */ base, /** @type {string} */ colour) {
  pen.save();
  pen.beginPath();
  pen.rect(from, 0, to - from, base);
  pen.clip();
  pen.strokeStyle = colour;
  pen.lineWidth = 1;
  pen.beginPath();
  for (let offset = from - base - (from % 7); offset < to; offset += 7) {
    pen.moveTo(offset, base);
    pen.lineTo(offset + base, 0);
  }
  pen.stroke();
  pen.restore();
}

function scale(/** @type {CanvasRenderingContext2D} */ pen, /** @type {number} */ now, /** @type {(at: number) => number} */ x, /** @type {number} */ height, /** @type {string} */ colour) {
  pen.fillStyle = colour;
  pen.font = "11px ui-monospace, Menlo, Consolas, monospace";
  for (let seconds = 15; seconds < SPAN_MS / 1000; seconds += 15) {
    pen.textAlign = "center";
    pen.fillText(`−${seconds} s`, x(now - seconds * 1000), height - 4);
  }
  pen.textAlign = "right";
  pen.fillText("now", x(now), height - 4);
}
