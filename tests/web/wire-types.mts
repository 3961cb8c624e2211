// The types of `src/streamer/web/client/wire.d.ts` have the fields of the OpenAPI document's schemas.
// Never run: `make types` reads it, and names what only one of the two has.

import openapi from "../../openapi/openapi.json" with { type: "json" };
import type * as wire from "../../src/streamer/web/client/wire.d.ts";

type Schemas = (typeof openapi)["components"]["schemas"];

/** Our type of each schema; `Event` and `StreamBody` are only unions of the others. */
interface Types {
  CaughtUp: wire.CaughtUp;
  CompletedEvent: wire.CompletedEvent;
  Connected: wire.Connected;
  End: wire.End;
  ErrorEvent: wire.ErrorEvent;
  Expired: wire.Expired;
  Expiring: wire.Expiring;
  Gap: wire.Gap;
  Job: wire.JobState;
  OtherEvent: wire.OtherEvent;
  Pong: wire.Pong;
  ProgressEvent: wire.ProgressEvent;
  Reconnect: wire.Reconnect;
  Refreshed: wire.Refreshed;
  Refused: wire.Refused;
  Snapshot: wire.Snapshot;
  StatusEvent: wire.StatusEvent;
  Moved: wire.Moved;
  Stats: wire.Stats;
  Subscribed: wire.Subscribed;
  Unsubscribed: wire.Unsubscribed;
}

type InOne<A, B> = Exclude<A, B> | Exclude<B, A>;
type Nothing<Found extends never> = Found;

export type SchemasInOne = Nothing<InOne<keyof Types, Exclude<keyof Schemas, "Event" | "StreamBody">>>;
export type FieldsInOne = Nothing<
  { [Name in keyof Types]: InOne<keyof Types[Name], keyof Schemas[Name]["properties"]> }[keyof Types]
>;
export type PartsInOne = Nothing<InOne<keyof wire.Parts, keyof Schemas["Job"]["properties"]["parts"]["properties"]>>;
