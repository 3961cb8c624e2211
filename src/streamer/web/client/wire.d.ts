/**
 * What comes over the wire, as the server promises it. Types only: no browser loads this file.
 *
 * `docs/PROTOCOL.md` says what it all means. Events, controls and state are in `events.d.ts`, which
 * is made from the schemas of the server; here are the answers to requests. A reader that must not
 * trust the values, for a publisher may be of any version, takes a body as a {@link Body} and an
 * object in it as a {@link Claimed}.
 */

import type { AnyBody, Event, Gap } from "./events.d.ts";

export type * from "./events.d.ts";

/** A position in the log: opaque, resume after it. */
type Cursor = string;
/** RFC 3339, by the log's clock. */
type Time = string;

/* Answers to requests. */

/** A page of what the log keeps. */
export interface Page {
  events: Event[];
  cursor: Cursor;
  gap: Gap | null;
}

/** A refusal (RFC 9457). */
export interface Problem {
  type: string;
  title: string;
  status: number;
  detail: string;
  code: string;
  /** Whether the same request may succeed later. */
  retry: boolean;
  /** The one that it is about, where others were asked for that may be fine. */
  topic?: string;
}

/** A job that was accepted. */
export interface Accepted {
  task_id: string;
  status: "queued";
  message: string;
  /** How many run; null where nobody knows. */
  workers: number | null;
  stream_url: string;
  /** The position before its first event. */
  last_event_id: Cursor;
}

/** A token of some topics, for use in a URL. */
export interface Token {
  token: string;
  expires_at: Time;
  subscribe: string[];
  publish: string[];
}

/** Who is connected to a project. */
export interface Connections {
  project_id: string;
  active_connections: number;
}

/* For readers that trust a name, and no value. */

type Names<T> = T extends unknown ? keyof T : never;

/** What claims to be a `T`: its fields by their names, each of them anything, or missing. */
export type Claimed<T> = { readonly [Name in Names<T>]?: unknown };

/** An event or a control as it came: of its fields only the type is sure. */
export type Body = Claimed<AnyBody> & { readonly type: string };
