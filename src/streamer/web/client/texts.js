/**
 * The words of a progress bar: whatever a person reads or hears of one. `{n}` is a number. Other
 * languages are in `languages.js`.
 *
 * @module
 */

/**
 * @typedef {object} Texts
 * @property {string} label what a bar is called that has no label of its own
 * @property {string} connecting nothing is known yet
 * @property {string} idle the server knows of no job yet
 * @property {string} queued
 * @property {string} running
 * @property {string} retrying
 * @property {string} stalled
 * @property {string} completed
 * @property {string} failed
 * @property {string} cancelled
 * @property {string} percent with `{n}`
 * @property {string} attempt with `{n}`
 * @property {string} live the connection is there
 * @property {string} polling it is there, and slower
 * @property {string} waiting it was lost
 * @property {string} refused it was refused, and is not tried again
 * @property {string} retry what the button says that tries again at once
 */

/** @type {Texts} */
export const en = {
  label: "Progress",
  connecting: "Connecting",
  idle: "Not started",
  queued: "Waiting",
  running: "Running",
  retrying: "Trying again",
  stalled: "Not responding",
  completed: "Done",
  failed: "Failed",
  cancelled: "Cancelled",
  percent: "{n}%",
  attempt: "attempt {n}",
  live: "Connected",
  polling: "Connected, slower",
  waiting: "Connection lost, reconnecting",
  refused: "Not connected",
  retry: "Reconnect now",
};
