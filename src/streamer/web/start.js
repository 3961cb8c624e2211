/**
 * The form for new jobs: of the sample, of a file of the server, of one that is uploaded here, or
 * of a kind of somebody's own.
 *
 * @module
 */

import { percent } from "./describe.js";
import { button, byId, element, input } from "./elements.js";
import { textOf } from "./fields.js";
import { KindFields, kindsIn } from "./kind-fields.js";
import { post } from "./post.js";
import { preview } from "./preview.js";
import { setText } from "./template.js";
import { Upload } from "./upload.js";

/** @import { Access } from "./access.js" */
/** @import { Accepted, Claimed } from "./client/wire.d.ts" */
/** @import { Schema } from "./kind-fields.js" */
/** @import { Progress } from "./upload.js" */

const NO_KINDS = "No worker offers any yet. One does, a moment after it was started, that has an actor under @streamer.job_kind.";

/**
 * @param {string} server
 * @param {Access} access
 * @param {(jobId: string) => void} started called with each job that was accepted
 */
export function startForm(server, access, started) {
  const api = `${server}/api/v1`;
  const form = element("start-form", HTMLFormElement);
  const file = input("file");
  /** @type {Upload | null} */
  let upload = null;
  const showPreview = preview();
  const ownFields = new KindFields(byId("own-fields"));
  const ownKind = element("own-kind", HTMLSelectElement);
  /** What was offered when it was asked last. @type {Map<string, Schema>} */
  let kinds = new Map();

  const fail = (/** @type {string} */ id, /** @type {string | null} */ words) => {
    byId(id).hidden = words === null;
    setText(byId(id), words ?? "");
  };

  form.addEventListener("submit", async (submitted) => {
    submitted.preventDefault();
    fail("start-failure", null);
    const asked = wanted();
    if (asked === null) return;
    button("start").disabled = true;
    try {
      /** @type {Claimed<Accepted>} */
      const job = await post(access, `${api}/projects/${encodeURIComponent(project())}/jobs`, asked);
      started(textOf(job.task_id) ?? "");
    } catch (error) {
      const { message } = /** @type {Error} */ (error);
      fail("start-failure", message);
      if (chosen() === "own") ownFields.blame(message);
    }
    button("start").disabled = false;
  });

  /** @returns {object | null} the body of the request; null where a field says what is wrong */
  function wanted() {
    const fields = new FormData(form);
    const source = String(fields.get("source")).trim();
    if (chosen() === "transcode") return { kind: "transcode", source, height: Number(fields.get("height")) };
    if (chosen() === "trim") return { kind: "trim", source, start: Number(fields.get("from")), end: Number(fields.get("to")) };
    const own = ownFields.read();
    return own && { kind: ownKind.value, ...own };
  }

  const chosen = () => form.kind.value;
  const project = () => input("project").value;

  for (const radio of form.querySelectorAll("[name=kind]")) radio.addEventListener("change", showKind);

  function showKind() {
    const kind = chosen();
    for (const each of ["transcode", "trim", "own"]) byId(`of-${each}`).hidden = kind !== each;
    for (const name of ["of-video", "source-hint", "drop"]) byId(name).hidden = kind === "own";
    // What is not shown is not asked for.
    input("source").disabled = kind === "own";
    for (const name of ["from", "to"]) input(name).disabled = kind !== "trim";
    fail("start-failure", null);
    button("start").disabled = false;
    byId("own-fields").replaceChildren();
    if (kind === "own") offer();
  }
  showKind();

  /** Ask which kinds there are now: a worker may have been started since. */
  async function offer() {
    button("start").disabled = true;
    setText(byId("own-about"), "Asking which kinds there are …");
    try {
      kinds = kindsIn(await access.get(`${server}/schema/openapi.json`));
    } catch (error) {
      setText(byId("own-about"), /** @type {Error} */ (error).message);
      return;
    }
    if (chosen() !== "own") return;
    byId("own-kinds").hidden = kinds.size === 0;
    ownKind.replaceChildren(...[...kinds.keys()].map((kind) => new Option(kind, kind)));
    if (kinds.size === 0) setText(byId("own-about"), NO_KINDS);
    else showOwn();
  }

  function showOwn() {
    const body = kinds.get(ownKind.value) ?? {};
    setText(byId("own-about"), textOf(body.description) ?? "");
    ownFields.show(body);
    fail("start-failure", null);
    button("start").disabled = false;
  }
  ownKind.addEventListener("change", showOwn);

  /* A file of one's own. */

  function take(/** @type {File | undefined} */ chosen) {
    if (chosen === undefined) return;
    fail("upload-failure", null);
    if (!input("project").reportValidity()) return;
    showPreview(chosen);
    upload?.cancel();
    const mine = new Upload(api, chosen, project(), {
      access,
      told: (progress) => mine === upload && show(chosen, progress),
    });
    upload = mine;
    setText(byId("upload-name"), chosen.name);
    byId("upload").hidden = false;
    mine.start();
  }

  function show(/** @type {File} */ chosen, /** @type {Progress} */ { state, sent, said, id }) {
    const fraction = chosen.size === 0 ? 0 : sent / chosen.size;
    byId("upload").dataset.state = state;
    byId("upload-fill").style.transform = `scaleX(${fraction})`;
    byId("upload-bar").setAttribute("aria-valuenow", String(Math.floor(fraction * 100)));
    const words = { sending: percent(fraction), waiting: said ?? "Waiting", paused: `Paused at ${percent(fraction)}`, done: "Uploaded", failed: "Failed", cancelled: "Cancelled" };
    setText(byId("upload-said"), words[state]);
    fail("upload-failure", state === "failed" ? said : null);
    const isOver = ["done", "failed", "cancelled"].includes(state);
    for (const name of ["upload-pause", "upload-cancel"]) button(name).hidden = isOver;
    setText(button("upload-pause"), state === "paused" ? "Continue" : "Pause");
    const watch = element("upload-watch", HTMLAnchorElement);
    watch.hidden = id === null;
    if (id !== null) watch.href = `#jobs/${id}`;
    if (state === "done" && id !== null) ready(id);
  }

  /** Its name for jobs, the upload's own job has. */
  async function ready(/** @type {string} */ id) {
    const mine = upload;
    const job = await access.get(`${api}/jobs/${id}`).catch(() => ({ result: null }));
    const source = textOf(/** @type {{source?: unknown} | null} */ (job.result)?.source);
    if (mine !== upload || source === null) return;
    input("source").value = source;
  }

  file.addEventListener("change", () => take(file.files?.[0]));
  button("upload-pause").addEventListener("click", () => (upload?.progress.state === "paused" ? upload.start() : upload?.pause()));
  button("upload-cancel").addEventListener("click", () => upload?.cancel());
  const drop = byId("drop");
  // Else the browser would leave the page for the file.
  addEventListener("dragover", (event) => event.preventDefault());
  addEventListener("drop", (event) => event.preventDefault());
  drop.addEventListener("dragenter", () => drop.classList.add("over"));
  drop.addEventListener("dragleave", (event) => drop.contains(/** @type {Node | null} */ (event.relatedTarget)) || drop.classList.remove("over"));
  drop.addEventListener("drop", ({ dataTransfer }) => {
    drop.classList.remove("over");
    take(dataTransfer?.files[0]);
  });
}
