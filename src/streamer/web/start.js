/**
 * The form for new jobs: of the sample, of a file of the server, or of one that is uploaded here.
 *
 * @module
 */

import { percent } from "./describe.js";
import { button, byId, element, input } from "./elements.js";
import { textOf } from "./fields.js";
import { post } from "./post.js";
import { setText } from "./template.js";
import { Upload } from "./upload.js";

/** @import { Access } from "./access.js" */
/** @import { Accepted, Claimed } from "./client/wire.d.ts" */
/** @import { Progress } from "./upload.js" */

/**
 * @param {string} api
 * @param {Access} access
 * @param {(jobId: string) => void} started called with each job that was accepted
 */
export function startForm(api, access, started) {
  const form = element("start-form", HTMLFormElement);
  const file = input("file");
  /** @type {Upload | null} */
  let upload = null;

  const fail = (/** @type {string} */ id, /** @type {string | null} */ words) => {
    byId(id).hidden = words === null;
    setText(byId(id), words ?? "");
  };

  form.addEventListener("submit", async (submitted) => {
    submitted.preventDefault();
    fail("start-failure", null);
    button("start").disabled = true;
    try {
      const fields = new FormData(form);
      const source = String(fields.get("source")).trim();
      const own = isTrim()
        ? { kind: "trim", source, start: Number(fields.get("from")), end: Number(fields.get("to")) }
        : { kind: "transcode", source, height: Number(fields.get("height")) };
      /** @type {Claimed<Accepted>} */
      const job = await post(access, `${api}/projects/${encodeURIComponent(project())}/jobs`, own);
      started(textOf(job.task_id) ?? "");
    } catch (error) {
      fail("start-failure", /** @type {Error} */ (error).message);
    }
    button("start").disabled = false;
  });

  const isTrim = () => element("start-form", HTMLFormElement).kind.value === "trim";
  const project = () => input("project").value;

  for (const radio of form.querySelectorAll("[name=kind]")) radio.addEventListener("change", showKind);

  function showKind() {
    byId("of-trim").hidden = !isTrim();
    byId("of-transcode").hidden = isTrim();
    // What is not shown is not asked for.
    for (const name of ["from", "to"]) input(name).disabled = !isTrim();
  }
  showKind();

  /* A file of one's own. */

  function take(/** @type {File | undefined} */ chosen) {
    if (chosen === undefined) return;
    fail("upload-failure", null);
    if (!input("project").reportValidity()) return;
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
