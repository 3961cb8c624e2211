/**
 * What comes over the wire: events, controls and state. Types only: no browser loads this file.
 *
 * Written by `make openapi`, from the schemas that the server's own code declares; not by hand.
 * `docs/PROTOCOL.md` says what it all means.
 */

/**
 * Any body, of every family of events.
 */
export type AnyBody =
  | StreamBody
  | Event
  | TellingEvent
  | ConversationEvent
  | AnswerEvent
  | NotificationEvent
  | ReadingEvent;
/**
 * One body of a stream: a `data:` line.
 */
export type StreamBody =
  | CaughtUp
  | CompletedEvent
  | Connected
  | End
  | ErrorEvent
  | Expired
  | Expiring
  | Gap
  | Moved
  | Pong
  | ProgressEvent
  | Reconnect
  | Refreshed
  | Refused
  | Stats
  | StatusEvent
  | Subscribed
  | Unsubscribed
  | OtherEvent;
/**
 * What the state of a job is called.
 */
export type JobStatus =
  "queued" | "running" | "retrying" | "stalled" | "completed" | "failed" | "cancelled";
/**
 * One event of a topic.
 */
export type Event = CompletedEvent | ErrorEvent | ProgressEvent | StatusEvent | OtherEvent;
/**
 * What a job tells while it runs, beside its progress, on its topics.
 */
export type TellingEvent = LogEvent | PartialEvent;
/**
 * What is said on `chats/{id}` by people.
 */
export type ConversationEvent =
  MessageEvent | ReactionEvent | TypingEvent | UserJoinEvent | UserLeaveEvent;
/**
 * What is said on `chats/{id}` of an answer.
 */
export type AnswerEvent =
  | AiChunkEvent
  | AiCompleteEvent
  | AiFailedEvent
  | AiPartsEvent
  | AiResetEvent
  | AiSegmentEvent
  | AiStartEvent;
/**
 * What `Notifications` says on `users/{id}`, `admin` and `system`.
 */
export type NotificationEvent =
  SystemMessageEvent | TranscodeCompleteEvent | TranscodeFailedEvent | TranscodeProgressEvent;
/**
 * How far somebody has read, on the topic itself.
 */
export type ReadingEvent = ReadEvent;

/**
 * The replay is over; live from here.
 */
export interface CaughtUp {
  type: "caught_up";
  /**
   * Opaque: a position in the log. Resume after it.
   */
  cursor: string;
}
/**
 * The end of a job that went well; terminal.
 *
 * `result_omitted` says why `result` is null though there was one.
 */
export interface CompletedEvent {
  type: "completed";
  /**
   * The event's id; an ephemeral event has none.
   */
  id?: string;
  /**
   * The first of its topics.
   */
  topic: string;
  /**
   * All of its topics, where there are several.
   */
  topics?: string[];
  /**
   * When the log took it; by the log's clock.
   */
  timestamp?: string;
  /**
   * Where in which trace it was published (W3C Trace Context); if in any.
   */
  traceparent?: string;
  /**
   * What vendors say of that trace (W3C Trace Context); if they say anything.
   */
  tracestate?: string;
  result?: unknown;
  result_omitted?: string | null;
  task_name?: string | null;
  job_id?: string | null;
  parent_id?: string | null;
  project_id?: string | null;
  /**
   * Which attempt it is, from 1 on.
   */
  attempt?: number | null;
  /**
   * 0.0 to 1.0.
   */
  progress?: number | null;
  status?: string | null;
  message?: string | null;
  error?: string | null;
  metadata?: {
    [k: string]: unknown;
  } | null;
}
/**
 * The first of every connection. Of one topic it has `topic` and `snapshot`, of several `topics` and `snapshots`.
 */
export interface Connected {
  type: "connected";
  /**
   * Where this connection begins.
   */
  cursor: string;
  /**
   * Whether the reader named a cursor.
   */
  resumed: boolean;
  /**
   * A sentence for a person.
   */
  message: string;
  /**
   * Names this connection, and no other.
   */
  stream_id: string;
  /**
   * When the stream ends with its token.
   */
  expires_at?: string;
  /**
   * How far you have read the topics where events are counted.
   */
  reading?: {
    [k: string]: {
      /**
       * null: they never said.
       */
      cursor: string | null;
      /**
       * How many events are after it; null where none count.
       */
      unread: number | null;
    };
  };
  /**
   * Up to where their unread were counted.
   */
  counted_to?: string;
  topic?: string;
  topics?: string[];
  project_id?: string;
  job_id?: string;
  snapshot?: Snapshot;
  /**
   * By topic.
   */
  snapshots?: {
    [k: string]: Snapshot;
  };
}
/**
 * The last known state of a topic, at `cursor`.
 */
export interface Snapshot {
  /**
   * null: no event has said it.
   */
  status: JobStatus | null;
  /**
   * 0.0 to 1.0.
   */
  progress: number | null;
  message: string | null;
  result: unknown;
  error: string | null;
  attempt: number | null;
  /**
   * Opaque: a position in the log. Resume after it.
   */
  cursor: string;
  /**
   * The last event of each task, by its name.
   */
  tasks: {
    [k: string]: Event;
  };
  /**
   * Its jobs by id: those over first, each oldest first.
   */
  jobs: {
    [k: string]: JobState;
  };
  /**
   * More jobs that are not over.
   */
  jobs_left_out: number;
  /**
   * What would not fit was left out.
   */
  truncated: boolean;
  /**
   * Of a conversation who is there: by user what they are called.
   */
  present?: {
    [k: string]: string;
  };
}
/**
 * The last failure of a job; terminal. A failure that will be retried is a status.
 */
export interface ErrorEvent {
  type: "error";
  /**
   * The event's id; an ephemeral event has none.
   */
  id?: string;
  /**
   * The first of its topics.
   */
  topic: string;
  /**
   * All of its topics, where there are several.
   */
  topics?: string[];
  /**
   * When the log took it; by the log's clock.
   */
  timestamp?: string;
  /**
   * Where in which trace it was published (W3C Trace Context); if in any.
   */
  traceparent?: string;
  /**
   * What vendors say of that trace (W3C Trace Context); if they say anything.
   */
  tracestate?: string;
  error: string;
  details?: unknown;
  task_name?: string | null;
  job_id?: string | null;
  parent_id?: string | null;
  project_id?: string | null;
  /**
   * Which attempt it is, from 1 on.
   */
  attempt?: number | null;
  /**
   * 0.0 to 1.0.
   */
  progress?: number | null;
  status?: string | null;
  message?: string | null;
  metadata?: {
    [k: string]: unknown;
  } | null;
}
/**
 * How far a task is: `progress` from 0.0 to 1.0.
 *
 * What is estimated is left out until there is something to go by.
 */
export interface ProgressEvent {
  type: "progress";
  /**
   * The event's id; an ephemeral event has none.
   */
  id?: string;
  /**
   * The first of its topics.
   */
  topic: string;
  /**
   * All of its topics, where there are several.
   */
  topics?: string[];
  /**
   * When the log took it; by the log's clock.
   */
  timestamp?: string;
  /**
   * Where in which trace it was published (W3C Trace Context); if in any.
   */
  traceparent?: string;
  /**
   * What vendors say of that trace (W3C Trace Context); if they say anything.
   */
  tracestate?: string;
  /**
   * 0.0 to 1.0.
   */
  progress: number;
  /**
   * Of `progress` a second, averaged exponentially.
   */
  rate?: number | null;
  /**
   * Seconds that it may still take.
   */
  eta_seconds?: number | null;
  /**
   * What the job is at: 16 of its tasks at most.
   */
  tasks?: TaskProgress[] | null;
  task_name?: string | null;
  job_id?: string | null;
  parent_id?: string | null;
  project_id?: string | null;
  /**
   * Which attempt it is, from 1 on.
   */
  attempt?: number | null;
  status?: string | null;
  message?: string | null;
  error?: string | null;
  metadata?: {
    [k: string]: unknown;
  } | null;
}
/**
 * One task of a job that is at work.
 */
export interface TaskProgress {
  name: string;
  /**
   * How much is done, in `unit`.
   */
  done: number;
  total?: number | null;
  unit?: string | null;
  progress?: number | null;
  rate?: number | null;
  eta_seconds?: number | null;
}
/**
 * A change of a job's state; ``cancelled`` is terminal.
 */
export interface StatusEvent {
  type: "status";
  /**
   * The event's id; an ephemeral event has none.
   */
  id?: string;
  /**
   * The first of its topics.
   */
  topic: string;
  /**
   * All of its topics, where there are several.
   */
  topics?: string[];
  /**
   * When the log took it; by the log's clock.
   */
  timestamp?: string;
  /**
   * Where in which trace it was published (W3C Trace Context); if in any.
   */
  traceparent?: string;
  /**
   * What vendors say of that trace (W3C Trace Context); if they say anything.
   */
  tracestate?: string;
  status: string;
  task_name?: string | null;
  job_id?: string | null;
  parent_id?: string | null;
  project_id?: string | null;
  /**
   * Which attempt it is, from 1 on.
   */
  attempt?: number | null;
  /**
   * 0.0 to 1.0.
   */
  progress?: number | null;
  message?: string | null;
  error?: string | null;
  metadata?: {
    [k: string]: unknown;
  } | null;
}
/**
 * Any other type, with the publisher's own fields.
 */
export interface OtherEvent {
  type: string;
  /**
   * The event's id; an ephemeral event has none.
   */
  id?: string;
  /**
   * The first of its topics.
   */
  topic: string;
  /**
   * All of its topics, where there are several.
   */
  topics?: string[];
  /**
   * When the log took it; by the log's clock.
   */
  timestamp?: string;
  /**
   * Where in which trace it was published (W3C Trace Context); if in any.
   */
  traceparent?: string;
  /**
   * What vendors say of that trace (W3C Trace Context); if they say anything.
   */
  tracestate?: string;
}
/**
 * One job of a topic's snapshot.
 */
export interface JobState {
  /**
   * null: no event has said it.
   */
  status: JobStatus | null;
  /**
   * Its own, or else the mean of its parts'.
   */
  progress: number | null;
  message: string | null;
  result: unknown;
  error: string | null;
  attempt: number | null;
  task_name: string | null;
  /**
   * The job that it is a part of.
   */
  parent_id: string | null;
  parts: Parts | null;
  /**
   * Only its parts are known.
   */
  group: boolean;
  created_at: string | null;
  started_at: string | null;
  updated_at: string | null;
  ended_at: string | null;
  /**
   * The id of its terminal event.
   */
  end: string | null;
}
/**
 * How many parts a job has, and how many of them are over.
 */
export interface Parts {
  total: number;
  over: number;
  /**
   * What was reported of the job itself.
   */
  told: number | null;
}
/**
 * No more will come of this topic; the connection ends once none `remaining`.
 */
export interface End {
  type: "end";
  topic: string;
  /**
   * The type of its terminal event, or its status.
   */
  reason: string;
  /**
   * Topics of this stream that are not over.
   */
  remaining?: number;
}
/**
 * The stream ends: its token has expired, or was revoked. Come back with another.
 */
export interface Expired {
  type: "expired";
  /**
   * One of the codes of errors.
   */
  code: string;
  /**
   * A sentence for a person.
   */
  detail: string;
}
/**
 * The stream ends with its token at `expires_at`; a new token is taken at `refresh`.
 */
export interface Expiring {
  type: "expiring";
  expires_at: string;
  /**
   * A path.
   */
  refresh: string;
}
/**
 * Events were removed before this reader could have them.
 */
export interface Gap {
  type: "gap";
  /**
   * null: of several, or of the log
   */
  topic: string | null;
  /**
   * What was lost is after this
   */
  after: string;
  /**
   * up to and including this.
   */
  until: string;
  /**
   * `trimmed`, `expired`, `deleted` or `reset`.
   */
  reason: string;
  /**
   * Where the reader is now.
   */
  cursor: string;
}
/**
 * A cursor was moved, or was ahead already (WebSocket).
 */
export interface Moved {
  type: "moved";
  topic: string;
  reader: string;
  /**
   * Opaque: a position in the log. Resume after it.
   */
  cursor: string;
  /**
   * How many events are after it; null where none count.
   */
  unread: number | null;
  /**
   * Whether it was this frame that did.
   */
  moved: boolean;
}
/**
 * The answer to a ping (WebSocket).
 */
export interface Pong {
  type: "pong";
}
/**
 * Come back after `retry_ms` milliseconds; `code` and `detail` say why.
 */
export interface Reconnect {
  type: "reconnect";
  /**
   * Milliseconds.
   */
  retry_ms: number;
  /**
   * One of the codes of errors.
   */
  code?: string;
  /**
   * A sentence for a person.
   */
  detail?: string;
}
/**
 * A new token was taken (WebSocket).
 */
export interface Refreshed {
  type: "refreshed";
  /**
   * null: the stream does not end with it.
   */
  expires_at: string | null;
}
/**
 * What this reader asked for is refused (WebSocket).
 */
export interface Refused {
  type: "refused";
  /**
   * One of the codes of errors.
   */
  code: string;
  /**
   * A sentence for a person.
   */
  detail: string;
  /**
   * That of the same answer over HTTP.
   */
  status: number;
  /**
   * Whether asking again may help.
   */
  retry: boolean;
  /**
   * Seconds.
   */
  retry_after?: number | null;
  /**
   * The one that it is about, where it is one.
   */
  topic?: string;
}
/**
 * Readers of notifications, over all processes (WebSocket).
 */
export interface Stats {
  type: "stats";
  total_users: number;
  total_user_connections: number;
  total_admin_connections: number;
  total_connections: number;
}
/**
 * A topic was added (WebSocket).
 */
export interface Subscribed {
  type: "subscribed";
  topic: string;
  /**
   * All of this connection.
   */
  topics: string[];
}
/**
 * A topic was removed (WebSocket).
 */
export interface Unsubscribed {
  type: "unsubscribed";
  topic: string;
  /**
   * Those that remain.
   */
  topics: string[];
}
/**
 * Lines that a job has logged, those of a moment; changes no state.
 */
export interface LogEvent {
  type: "log";
  /**
   * The event's id; an ephemeral event has none.
   */
  id?: string;
  /**
   * The first of its topics.
   */
  topic: string;
  /**
   * All of its topics, where there are several.
   */
  topics?: string[];
  /**
   * When the log took it; by the log's clock.
   */
  timestamp?: string;
  /**
   * Where in which trace it was published (W3C Trace Context); if in any.
   */
  traceparent?: string;
  /**
   * What vendors say of that trace (W3C Trace Context); if they say anything.
   */
  tracestate?: string;
  /**
   * The job's id.
   */
  job_id?: string;
  /**
   * What runs.
   */
  task_name?: string;
  /**
   * Which attempt it is, from 1 on.
   */
  attempt?: number;
  lines: LogLine[];
  /**
   * Lines before them for which there was no room.
   */
  left_out?: number;
}
/**
 * One line of a job's log.
 */
export interface LogLine {
  text: string;
  /**
   * Such as `debug`, `info`, `warning` or `error`.
   */
  level: string;
  /**
   * When: RFC 3339, UTC, by the clock of the worker.
   */
  at: string;
  /**
   * A logger's name, or `stdout`.
   */
  source?: string;
}
/**
 * What a job has come to so far; changes no state.
 */
export interface PartialEvent {
  type: "partial";
  /**
   * The event's id; an ephemeral event has none.
   */
  id?: string;
  /**
   * The first of its topics.
   */
  topic: string;
  /**
   * All of its topics, where there are several.
   */
  topics?: string[];
  /**
   * When the log took it; by the log's clock.
   */
  timestamp?: string;
  /**
   * Where in which trace it was published (W3C Trace Context); if in any.
   */
  traceparent?: string;
  /**
   * What vendors say of that trace (W3C Trace Context); if they say anything.
   */
  tracestate?: string;
  /**
   * The job's id.
   */
  job_id?: string;
  /**
   * What runs.
   */
  task_name?: string;
  /**
   * Which attempt it is, from 1 on.
   */
  attempt?: number;
  /**
   * Any JSON.
   */
  result: unknown;
}
/**
 * Somebody says something in a conversation; its id is the message's.
 */
export interface MessageEvent {
  type: "message";
  /**
   * The event's id; an ephemeral event has none.
   */
  id?: string;
  /**
   * The first of its topics.
   */
  topic: string;
  /**
   * All of its topics, where there are several.
   */
  topics?: string[];
  /**
   * When the log took it; by the log's clock.
   */
  timestamp?: string;
  /**
   * Where in which trace it was published (W3C Trace Context); if in any.
   */
  traceparent?: string;
  /**
   * What vendors say of that trace (W3C Trace Context); if they say anything.
   */
  tracestate?: string;
  /**
   * Empty where there are attachments alone.
   */
  message: string;
  is_user: true;
  attachments?: Attachment[];
  /**
   * The id of the message that it answers.
   */
  reply_to?: string;
  /**
   * Who it is: the subject of their token.
   */
  user: string;
  /**
   * What they are called.
   */
  username: string;
}
/**
 * A file that is somewhere else.
 */
export interface Attachment {
  url: string;
  name: string;
  content_type?: string | null;
  size?: number | null;
}
/**
 * What somebody thinks of a message; of several by one user the last counts.
 */
export interface ReactionEvent {
  type: "reaction";
  /**
   * The event's id; an ephemeral event has none.
   */
  id?: string;
  /**
   * The first of its topics.
   */
  topic: string;
  /**
   * All of its topics, where there are several.
   */
  topics?: string[];
  /**
   * When the log took it; by the log's clock.
   */
  timestamp?: string;
  /**
   * Where in which trace it was published (W3C Trace Context); if in any.
   */
  traceparent?: string;
  /**
   * What vendors say of that trace (W3C Trace Context); if they say anything.
   */
  tracestate?: string;
  /**
   * The id of the message.
   */
  message_id: string;
  reaction: string;
  /**
   * False: it is taken back.
   */
  added: boolean;
  /**
   * Who it is: the subject of their token.
   */
  user: string;
  /**
   * What they are called.
   */
  username: string;
}
/**
 * Whether somebody is typing just now; ephemeral.
 */
export interface TypingEvent {
  type: "typing";
  /**
   * The event's id; an ephemeral event has none.
   */
  id?: string;
  /**
   * The first of its topics.
   */
  topic: string;
  /**
   * All of its topics, where there are several.
   */
  topics?: string[];
  /**
   * When the log took it; by the log's clock.
   */
  timestamp?: string;
  /**
   * Where in which trace it was published (W3C Trace Context); if in any.
   */
  traceparent?: string;
  /**
   * What vendors say of that trace (W3C Trace Context); if they say anything.
   */
  tracestate?: string;
  is_typing: boolean;
  /**
   * Who it is: the subject of their token.
   */
  user: string;
  /**
   * What they are called.
   */
  username: string;
}
/**
 * The first connection of somebody came: they are there.
 */
export interface UserJoinEvent {
  type: "user_join";
  /**
   * The event's id; an ephemeral event has none.
   */
  id?: string;
  /**
   * The first of its topics.
   */
  topic: string;
  /**
   * All of its topics, where there are several.
   */
  topics?: string[];
  /**
   * When the log took it; by the log's clock.
   */
  timestamp?: string;
  /**
   * Where in which trace it was published (W3C Trace Context); if in any.
   */
  traceparent?: string;
  /**
   * What vendors say of that trace (W3C Trace Context); if they say anything.
   */
  tracestate?: string;
  /**
   * Who it is: the subject of their token.
   */
  user: string;
  /**
   * What they are called.
   */
  username: string;
}
/**
 * The last connection of somebody is gone: they are no longer there.
 */
export interface UserLeaveEvent {
  type: "user_leave";
  /**
   * The event's id; an ephemeral event has none.
   */
  id?: string;
  /**
   * The first of its topics.
   */
  topic: string;
  /**
   * All of its topics, where there are several.
   */
  topics?: string[];
  /**
   * When the log took it; by the log's clock.
   */
  timestamp?: string;
  /**
   * Where in which trace it was published (W3C Trace Context); if in any.
   */
  traceparent?: string;
  /**
   * What vendors say of that trace (W3C Trace Context); if they say anything.
   */
  tracestate?: string;
  /**
   * Who it is: the subject of their token.
   */
  user: string;
  /**
   * What they are called.
   */
  username: string;
}
/**
 * A piece of an answer's text; all of an attempt together are the text.
 */
export interface AiChunkEvent {
  type: "ai_chunk";
  /**
   * The event's id; an ephemeral event has none.
   */
  id?: string;
  /**
   * The first of its topics.
   */
  topic: string;
  /**
   * All of its topics, where there are several.
   */
  topics?: string[];
  /**
   * When the log took it; by the log's clock.
   */
  timestamp?: string;
  /**
   * Where in which trace it was published (W3C Trace Context); if in any.
   */
  traceparent?: string;
  /**
   * What vendors say of that trace (W3C Trace Context); if they say anything.
   */
  tracestate?: string;
  /**
   * What was said of the text since the chunk before it.
   */
  chunk: string;
  /**
   * Which segment of the answer it is of, from 1 on.
   */
  segment: number;
  /**
   * Which part it continues, as `text-1`.
   */
  part: string;
  /**
   * It is the first of its part.
   */
  opens?: true;
  /**
   * The answer's name, the same in all its attempts.
   */
  answer: string;
  /**
   * Which attempt says it, from 1 on.
   */
  attempt: number;
  /**
   * The id of the message that is answered.
   */
  reply_to?: string;
}
/**
 * The answer is whole: all that its last segment said; its pieces are gone.
 */
export interface AiCompleteEvent {
  type: "ai_complete";
  /**
   * The event's id; an ephemeral event has none.
   */
  id?: string;
  /**
   * The first of its topics.
   */
  topic: string;
  /**
   * All of its topics, where there are several.
   */
  topics?: string[];
  /**
   * When the log took it; by the log's clock.
   */
  timestamp?: string;
  /**
   * Where in which trace it was published (W3C Trace Context); if in any.
   */
  traceparent?: string;
  /**
   * What vendors say of that trace (W3C Trace Context); if they say anything.
   */
  tracestate?: string;
  /**
   * All of the segment's text.
   */
  message: string;
  is_user: false;
  /**
   * The number of the last segment: so many there are.
   */
  segment: number;
  /**
   * All that the segment said, where that is more than one text.
   */
  parts?: {
    [k: string]: unknown;
  }[];
  /**
   * Which model said it.
   */
  model?: string;
  /**
   * The model's own word, as `stop`; `length`: there was no more room.
   */
  finish_reason?: string;
  /**
   * The answer's name, the same in all its attempts.
   */
  answer: string;
  /**
   * Which attempt says it, from 1 on.
   */
  attempt: number;
  /**
   * The id of the message that is answered.
   */
  reply_to?: string;
}
/**
 * There will be no whole answer: no attempt is left, or somebody stopped it.
 */
export interface AiFailedEvent {
  type: "ai_failed";
  /**
   * The event's id; an ephemeral event has none.
   */
  id?: string;
  /**
   * The first of its topics.
   */
  topic: string;
  /**
   * All of its topics, where there are several.
   */
  topics?: string[];
  /**
   * When the log took it; by the log's clock.
   */
  timestamp?: string;
  /**
   * Where in which trace it was published (W3C Trace Context); if in any.
   */
  traceparent?: string;
  /**
   * What vendors say of that trace (W3C Trace Context); if they say anything.
   */
  tracestate?: string;
  /**
   * What went wrong, for a person.
   */
  error: string;
  reason: "cancelled" | "error";
  is_user: false;
  /**
   * The number of the last segment: so many there are.
   */
  segment?: number;
  /**
   * The text of the last attempt's last segment, if any.
   */
  message?: string;
  /**
   * All that the segment said, where that is more than one text.
   */
  parts?: {
    [k: string]: unknown;
  }[];
  /**
   * The answer's name, the same in all its attempts.
   */
  answer: string;
  /**
   * Which attempt says it, from 1 on.
   */
  attempt: number;
  /**
   * The id of the message that is answered.
   */
  reply_to?: string;
}
/**
 * What else an answer says: reasoning, tools, sources, files, data, steps.
 */
export interface AiPartsEvent {
  type: "ai_parts";
  /**
   * The event's id; an ephemeral event has none.
   */
  id?: string;
  /**
   * The first of its topics.
   */
  topic: string;
  /**
   * All of its topics, where there are several.
   */
  topics?: string[];
  /**
   * When the log took it; by the log's clock.
   */
  timestamp?: string;
  /**
   * Where in which trace it was published (W3C Trace Context); if in any.
   */
  traceparent?: string;
  /**
   * What vendors say of that trace (W3C Trace Context); if they say anything.
   */
  tracestate?: string;
  /**
   * Which segment of the answer it is of, from 1 on.
   */
  segment: number;
  /**
   * What is said, in order; each has a `type`.
   */
  parts: {
    [k: string]: unknown;
  }[];
  /**
   * The answer's name, the same in all its attempts.
   */
  answer: string;
  /**
   * Which attempt says it, from 1 on.
   */
  attempt: number;
  /**
   * The id of the message that is answered.
   */
  reply_to?: string;
}
/**
 * Another attempt begins: what was said of the answer so far is void.
 */
export interface AiResetEvent {
  type: "ai_reset";
  /**
   * The event's id; an ephemeral event has none.
   */
  id?: string;
  /**
   * The first of its topics.
   */
  topic: string;
  /**
   * All of its topics, where there are several.
   */
  topics?: string[];
  /**
   * When the log took it; by the log's clock.
   */
  timestamp?: string;
  /**
   * Where in which trace it was published (W3C Trace Context); if in any.
   */
  traceparent?: string;
  /**
   * What vendors say of that trace (W3C Trace Context); if they say anything.
   */
  tracestate?: string;
  /**
   * The answer's name, the same in all its attempts.
   */
  answer: string;
  /**
   * Which attempt says it, from 1 on.
   */
  attempt: number;
  /**
   * The id of the message that is answered.
   */
  reply_to?: string;
}
/**
 * All that one segment said of an answer longer than one event; its pieces are gone.
 */
export interface AiSegmentEvent {
  type: "ai_segment";
  /**
   * The event's id; an ephemeral event has none.
   */
  id?: string;
  /**
   * The first of its topics.
   */
  topic: string;
  /**
   * All of its topics, where there are several.
   */
  topics?: string[];
  /**
   * When the log took it; by the log's clock.
   */
  timestamp?: string;
  /**
   * Where in which trace it was published (W3C Trace Context); if in any.
   */
  traceparent?: string;
  /**
   * What vendors say of that trace (W3C Trace Context); if they say anything.
   */
  tracestate?: string;
  /**
   * Which segment of the answer it is of, from 1 on.
   */
  segment: number;
  /**
   * All of the segment's text.
   */
  message: string;
  /**
   * All that the segment said, where that is more than one text.
   */
  parts?: {
    [k: string]: unknown;
  }[];
  /**
   * The answer's name, the same in all its attempts.
   */
  answer: string;
  /**
   * Which attempt says it, from 1 on.
   */
  attempt: number;
  /**
   * The id of the message that is answered.
   */
  reply_to?: string;
}
/**
 * An answer was asked for, or begins.
 */
export interface AiStartEvent {
  type: "ai_start";
  /**
   * The event's id; an ephemeral event has none.
   */
  id?: string;
  /**
   * The first of its topics.
   */
  topic: string;
  /**
   * All of its topics, where there are several.
   */
  topics?: string[];
  /**
   * When the log took it; by the log's clock.
   */
  timestamp?: string;
  /**
   * Where in which trace it was published (W3C Trace Context); if in any.
   */
  traceparent?: string;
  /**
   * What vendors say of that trace (W3C Trace Context); if they say anything.
   */
  tracestate?: string;
  /**
   * The answer's name, the same in all its attempts.
   */
  answer: string;
  /**
   * Which attempt says it, from 1 on.
   */
  attempt: number;
  /**
   * The id of the message that is answered.
   */
  reply_to?: string;
}
/**
 * What is told to everybody, to admins, or to one user.
 */
export interface SystemMessageEvent {
  type: "system_message";
  /**
   * The event's id; an ephemeral event has none.
   */
  id?: string;
  /**
   * The first of its topics.
   */
  topic: string;
  /**
   * All of its topics, where there are several.
   */
  topics?: string[];
  /**
   * When the log took it; by the log's clock.
   */
  timestamp?: string;
  /**
   * Where in which trace it was published (W3C Trace Context); if in any.
   */
  traceparent?: string;
  /**
   * What vendors say of that trace (W3C Trace Context); if they say anything.
   */
  tracestate?: string;
  message: string;
  level: "error" | "info" | "success" | "warning";
}
/**
 * A video is there.
 */
export interface TranscodeCompleteEvent {
  type: "transcode_complete";
  /**
   * The event's id; an ephemeral event has none.
   */
  id?: string;
  /**
   * The first of its topics.
   */
  topic: string;
  /**
   * All of its topics, where there are several.
   */
  topics?: string[];
  /**
   * When the log took it; by the log's clock.
   */
  timestamp?: string;
  /**
   * Where in which trace it was published (W3C Trace Context); if in any.
   */
  traceparent?: string;
  /**
   * What vendors say of that trace (W3C Trace Context); if they say anything.
   */
  tracestate?: string;
  title: string;
  format_type: string;
  /**
   * Bytes.
   */
  file_size: number;
  /**
   * The video's id.
   */
  video_id: string;
}
/**
 * A transcode failed.
 */
export interface TranscodeFailedEvent {
  type: "transcode_failed";
  /**
   * The event's id; an ephemeral event has none.
   */
  id?: string;
  /**
   * The first of its topics.
   */
  topic: string;
  /**
   * All of its topics, where there are several.
   */
  topics?: string[];
  /**
   * When the log took it; by the log's clock.
   */
  timestamp?: string;
  /**
   * Where in which trace it was published (W3C Trace Context); if in any.
   */
  traceparent?: string;
  /**
   * What vendors say of that trace (W3C Trace Context); if they say anything.
   */
  tracestate?: string;
  title: string;
  /**
   * What went wrong, for a person.
   */
  error: string;
  /**
   * The video's id.
   */
  video_id: string;
}
/**
 * How far a transcode is; it does not count as unread.
 */
export interface TranscodeProgressEvent {
  type: "transcode_progress";
  /**
   * The event's id; an ephemeral event has none.
   */
  id?: string;
  /**
   * The first of its topics.
   */
  topic: string;
  /**
   * All of its topics, where there are several.
   */
  topics?: string[];
  /**
   * When the log took it; by the log's clock.
   */
  timestamp?: string;
  /**
   * Where in which trace it was published (W3C Trace Context); if in any.
   */
  traceparent?: string;
  /**
   * What vendors say of that trace (W3C Trace Context); if they say anything.
   */
  tracestate?: string;
  status: string;
  /**
   * In percent, 0 to 100.
   */
  progress: number;
  message: string;
  /**
   * The video's id.
   */
  video_id: string;
}
/**
 * Somebody has read a topic up to `cursor`, on whatever device.
 */
export interface ReadEvent {
  type: "read";
  /**
   * The event's id; an ephemeral event has none.
   */
  id?: string;
  /**
   * The first of its topics.
   */
  topic: string;
  /**
   * All of its topics, where there are several.
   */
  topics?: string[];
  /**
   * When the log took it; by the log's clock.
   */
  timestamp?: string;
  /**
   * Where in which trace it was published (W3C Trace Context); if in any.
   */
  traceparent?: string;
  /**
   * What vendors say of that trace (W3C Trace Context); if they say anything.
   */
  tracestate?: string;
  /**
   * Who has read.
   */
  reader: string;
  /**
   * The id of the last event that they have read.
   */
  cursor: string;
  /**
   * What they are called.
   */
  username?: string;
}
