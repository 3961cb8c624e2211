/**
 * What comes over the wire, as the server promises it. Types only: no browser loads this file.
 *
 * `docs/PROTOCOL.md` says what it all means. The names are those of `openapi/openapi.json`;
 * `tests/web/wire-types.mts` holds the two together. A reader that must not trust the values,
 * for a publisher may be of any version, takes a body as a {@link Body} and an object in it as
 * a {@link Claimed}.
 */

/** A position in the log: opaque, resume after it. */
type Cursor = string;
/** RFC 3339, by the log's clock. */
type Time = string;

export type JobStatus =
  | "queued" | "running" | "retrying" | "stalled" // not over
  | "completed" | "failed" | "cancelled"; // over

/* Events: what publishers say. */

export interface OtherEvent {
  type: string;
  /** Absent for an ephemeral event. */
  id?: Cursor;
  timestamp?: Time;
  /** The first of its topics. */
  topic: string;
  /** All of its topics, where there are several. */
  topics?: string[];
}

/** What all events of a job may carry. */
interface JobEvent extends OtherEvent {
  project_id?: string | null;
  job_id?: string | null;
  /** The job that it is a part of. */
  parent_id?: string | null;
  task_name?: string | null;
  /** From 1 on. */
  attempt?: number | null;
  /** 0.0 to 1.0. */
  progress?: number | null;
  /** In the publisher's words: a {@link JobStatus}, or one of the others that mean the same. */
  status?: string | null;
  message?: string | null;
  error?: string | null;
  metadata?: Record<string, unknown> | null;
}

export interface ProgressEvent extends JobEvent {
  type: "progress";
  progress: number;
}

/** A change of a job's state; `cancelled` ends it. */
export interface StatusEvent extends JobEvent {
  type: "status";
  status: string;
}

/** The last failure of a job; ends it. */
export interface ErrorEvent extends JobEvent {
  type: "error";
  error: string;
  details?: unknown;
}

/** The end of a job that went well. */
export interface CompletedEvent extends JobEvent {
  type: "completed";
  result?: unknown;
  /** Why `result` is null though there was one. */
  result_omitted?: string | null;
}

export type Event = ProgressEvent | StatusEvent | ErrorEvent | CompletedEvent | OtherEvent;

/* Controls: what the server itself sends to one reader. */

/** The first of every connection: of one topic with `topic` and `snapshot`, of several with the others. */
export interface Connected {
  type: "connected";
  cursor: Cursor;
  /** Whether it continues from a position that the reader named. */
  resumed: boolean;
  message: string;
  /** Names this connection. */
  stream_id: string;
  /** When it ends with its token, unless another is taken. */
  expires_at?: Time;
  /** How far one has read the topics where events count as unread. */
  reading?: Record<string, { cursor: Cursor | null; unread: number | null }>;
  /** Up to where their unread events were counted. */
  counted_to?: Cursor;
  topic?: string;
  project_id?: string;
  job_id?: string;
  snapshot?: Snapshot;
  topics?: string[];
  snapshots?: Record<string, Snapshot>;
}

/** The replay is over; live from here. */
export interface CaughtUp {
  type: "caught_up";
  cursor: Cursor;
}

/** Events after `after`, up to `until`, were removed before this reader could have them. */
export interface Gap {
  type: "gap";
  /** null: of several, or of the log. */
  topic: string | null;
  after: Cursor;
  until: Cursor;
  reason: string;
  cursor: Cursor;
}

/** No more will come of this topic; the connection ends once none `remaining`. */
export interface End {
  type: "end";
  topic: string;
  reason: string;
  /** Absent where the server is older. */
  remaining?: number;
}

/** Come back later; `code` and `detail` say why. */
export interface Reconnect {
  type: "reconnect";
  /** Milliseconds. */
  retry_ms: number;
  code?: string;
  detail?: string;
}

/** The stream ends with its token at `expires_at`; a new token is taken at `refresh`. */
export interface Expiring {
  type: "expiring";
  expires_at: Time;
  /** A path. */
  refresh: string;
}

/** The stream ends: its token has expired, or was revoked. Come back with another. */
export interface Expired {
  type: "expired";
  code: string;
  detail: string;
}

/** A new token was taken (WebSocket). */
export interface Refreshed {
  type: "refreshed";
  /** null: the stream does not end with it. */
  expires_at: Time | null;
}

/** What this reader asked for is refused (WebSocket). */
export interface Refused {
  type: "refused";
  code: string;
  detail: string;
  /** Whether asking again may help. */
  retry: boolean;
  /** Seconds. */
  retry_after?: number | null;
}

/** The answer to a ping (WebSocket). */
export interface Pong {
  type: "pong";
}

/** The answers to the commands of the same names (WebSocket); `topics` are those of the connection. */
/** The reply to `read` (WebSocket). */
export interface Moved {
  type: "moved";
  topic: string;
  reader: string;
  cursor: Cursor;
  unread: number | null;
  /** Whether it was this frame that moved it. */
  moved: boolean;
}

/** The reply to `get_stats` (WebSocket of notifications). */
export interface Stats {
  type: "stats";
  total_users: number;
  total_user_connections: number;
  total_admin_connections: number;
  total_connections: number;
}

export interface Subscribed {
  type: "subscribed";
  topic: string;
  topics: string[];
}

export interface Unsubscribed {
  type: "unsubscribed";
  topic: string;
  topics: string[];
}

export type Control =
  | Connected | CaughtUp | Gap | End | Reconnect | Expiring | Expired | Refreshed | Refused | Pong
  | Subscribed | Unsubscribed | Moved | Stats;

/* State: what a reader that comes late must know. */

/** The last known state of a topic, at `cursor`. */
export interface Snapshot {
  cursor: Cursor;
  status: JobStatus | null;
  /** 0.0 to 1.0. */
  progress: number | null;
  message: string | null;
  result: unknown;
  error: string | null;
  attempt: number | null;
  /** The last event of each task, by its name. */
  tasks: Record<string, Event>;
  /** By id: those over first, each oldest first. An older server says nothing of them. */
  jobs?: Record<string, JobState>;
  /** More jobs that are not over. */
  jobs_left_out?: number;
}

/** One job of a topic's snapshot. */
export interface JobState {
  status: JobStatus | null;
  /** Its own, 0.0 to 1.0, or else the mean of its parts'. */
  progress: number | null;
  message: string | null;
  result: unknown;
  error: string | null;
  attempt: number | null;
  task_name: string | null;
  parent_id: string | null;
  parts: Parts | null;
  /** Whether only its parts are known. */
  group: boolean;
  created_at: Time | null;
  started_at: Time | null;
  updated_at: Time | null;
  ended_at: Time | null;
  /** The id of the event that ended it. */
  end: Cursor | null;
}

export interface Parts {
  total: number;
  over: number;
  /** The progress that was reported of the job itself. */
  told: number | null;
}

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
export type Body = Claimed<Event | Control> & { readonly type: string };
