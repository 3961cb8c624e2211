/**
 * The lists of the server: which projects and jobs there are, also those that nobody publishes to now.
 *
 * @module
 */

import { nameOf, objectOf, textOf } from "./fields.js";
import { rowOfListed } from "./rows.js";

/** @import { Row, Wanted } from "./rows.js" */

/** Jobs of one list. */
const PAGE = 50;

/** @typedef {(url: string) => Promise<Record<string, unknown>>} Get answers the JSON of an address of the server */

/**
 * @param {Get} get
 * @param {string} api
 * @param {number} most
 * @returns {Promise<string[]>} the topics of the newest projects
 */
export async function projectTopics(get, api, most) {
  const { projects } = await get(`${api}/projects?limit=${most}`);
  const names = Array.isArray(projects) ? projects.map((one) => nameOf(objectOf(one).project_id)) : [];
  return names.filter((name) => name !== null).map((name) => `projects/${name}`);
}

/**
 * One page of the jobs that are wanted.
 *
 * @param {Get} get
 * @param {string} api
 * @param {Wanted} wanted
 * @param {string | null} before what `next` of the page before says
 * @returns {Promise<{rows: Row[], next: string | null}>}
 */
export async function jobsPage(get, api, { words, project, statuses }, before) {
  const query = new URLSearchParams({ limit: String(PAGE) });
  if (words.trim() !== "") query.set("q", words.trim().slice(0, 200));
  if (project !== "") query.set("project", project);
  for (const status of statuses) query.append("status", status);
  if (before !== null) query.set("before", before);
  const { jobs, next } = await get(`${api}/jobs?${query}`);
  const rows = Array.isArray(jobs) ? jobs.map(rowOfListed) : [];
  return { rows: rows.filter((row) => row !== null), next: textOf(next) };
}
