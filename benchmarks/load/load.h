/* Shared by the parts of the load generator: one clock, one tally, two kinds of connection. */
#ifndef LOAD_H
#define LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Every published body carries "mark":"<publisher>:<sequence>:<sent_ns>". */
#define MARK "\"mark\":\""
#define MAX_PUBLISHERS 256
/* Event ids are remembered for the last so many events, so that readers can resume after any of them. */
#define REMEMBERED_IDS 4096
#define ID_BYTES 64

enum transport { SSE, WEBSOCKET };

struct options {
    uint16_t port;
    enum transport transport;
    int readers, topics, stalled, inflight;
    int sample_every;         /* one reader in so many is read at once and timed; the others on a beat */
    const char *read_path;    /* "{}" stands for the topic's number */
    const char *publish_path; /* where the publishers POST */
    const char *publish_topic; /* the topic that the body names; NULL: the path does */
    const char *greeting;     /* a reader is attached when it was sent this text; NULL: when it has its head */
    const char *first_path;   /* asked for on each connection before the stream; NULL: nothing */
    const char *hello;        /* WebSocket text sent by the reader after the handshake; NULL: none */
    const char *coding;       /* content coding or permessage-deflate, that readers ask for, and must be answered in; NULL: none */
    int churn;                /* so many of the readers, the last, leave and come anew while there are publishes */
    bool progress;            /* bodies are a job's progress, and what they are padded with cannot be compressed */
    bool envelope;            /* they say what Streamer adds to an event, too */
};

/* What all readers together received; the bytes of those that do not stall. Latencies in a histogram of 32 steps per power of two. */
struct tally {
    uint64_t delivered, weighed, bytes, wire_bytes, lost, duplicated, other_events, closed, refused;
    uint64_t latency[64 * 64], timed;
    uint64_t latency_max, first_sent, last_received;
    char first_error[256];
};

extern struct options options;
extern struct tally tally;
extern int attached, connecting;
extern int readers_epoll, publishers_epoll;
extern uint64_t published, publish_errors;
extern uint64_t published_by[MAX_PUBLISHERS];

uint64_t monotonic_ns(void);
void failed(const char *what, const char *detail, size_t length);
int connect_to_server(uint32_t source, bool far);

/* tokens.c */
void tokens_read(const char *path);
const char *authorization(int number); /* the header of that reader or publisher; empty where there are no tokens */

/* coding.c */
struct reader;
typedef void decoded(struct reader *, const char *, size_t);
void coding_open(const char *name, const char *path);
void *decoder_new(void);
void decoder_free(void *decoder);
bool decode(void *decoder, const char *bytes, size_t n, decoded *take, struct reader *to); /* false: it cannot be */
/* One compressed message of a WebSocket and then its size, until the next is; NULL: it cannot be. */
const char *decode_message(void *decoder, const char *bytes, size_t *n);

/* reader.c */
void readers_create(void);
void readers_open(bool resume_after, uint64_t sequence);
void readers_connect_more(void);
void readers_close(void);
void readers_stall(void);
void readers_unstall(void);
void reader_ready(void *reader, uint32_t events);
void readers_beat(void);
int readers_reading(void);
uint64_t readers_missing(void);
void readers_window(uint64_t until_ns);
void readers_window_over(void);
uint64_t readers_counted_later(void);
void readers_churn(void);
void readers_decode(uint64_t until_ns);
bool readers_decoded(void);
bool readers_to_decode(void);

/* publisher.c */
void publishers_open(int count);
int publishers_opened(void);
void publishers_start(int count, uint64_t until_ns, double per_second, int pad, const char *event_type);
uint64_t publishers_next_due(void);
void publishers_turn(void);
bool publishers_idle(void);

#endif
