/* Readers: state machines over HTTP heads, chunks, server-sent events and WebSocket frames, cut anywhere. */
#define _GNU_SOURCE
#include "load.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum stage { CLOSED, CONNECTING, FIRST, HEAD, STREAM };
enum chunk { CHUNK_SIZE, CHUNK_DATA, CHUNK_END };

struct reader {
    int fd;
    uint8_t stage, chunk;
    bool attached, sampled, stalled, chunked, has_data, has_mark;
    bool churns, is_new; /* leaves and comes anew; has seen no event since */
    uint32_t number, event_bytes, carried, carry_room;
    uint64_t chunk_left;
    uint64_t publisher, sequence, sent_ns; /* of the event being read */
    char *carry;                           /* an unfinished head, line or frame */
    uint64_t *seen;                        /* last sequence, by publisher */
    void *decoder;
    char *held; /* received, not decoded yet */
    size_t held_bytes, held_room, of_window;
};

static struct reader *readers;
static char ids[REMEMBERED_IDS][ID_BYTES];
static int next_to_open;
static bool resuming, stalling;
static uint64_t resume_sequence;
static uint64_t now; /* when the bytes at hand were received */
/* Of a window in which is measured. */
static bool in_window;
static uint64_t churn_from, churn_interval, counted_later;
static int churned, decoding, holding;

static void carry(struct reader *r, const char *bytes, size_t n) {
    if (r->carried + n > r->carry_room) {
        r->carry_room = (uint32_t)(r->carried + n) * 2;
        r->carry = realloc(r->carry, r->carry_room);
    }
    memcpy(r->carry + r->carried, bytes, n);
    r->carried += (uint32_t)n;
}

static void attach(struct reader *r) {
    if (r->attached) return;
    r->attached = true;
    attached++;
    connecting--;
    if (r->is_new) memcpy(r->seen, published_by, sizeof published_by);
    if (!r->sampled) epoll_ctl(readers_epoll, EPOLL_CTL_DEL, r->fd, NULL); /* from now on, on the beat */
}

static void drop(struct reader *r) {
    if (r->attached) attached--;
    else connecting--;
    r->attached = false;
    r->stage = CLOSED;
    close(r->fd);
    decoder_free(r->decoder);
    r->decoder = NULL;
    if (r->held_bytes) holding--;
    r->held_bytes = r->of_window = 0;
}

static void count_latency(uint64_t ns) {
    int power = ns < 64 ? 0 : 58 - __builtin_clzll(ns); /* within 3 % */
    tally.timed++;
    tally.latency[power * 64 + (int)(ns >> power)]++;
    if (ns > tally.latency_max) tally.latency_max = ns;
}

static uint64_t decimal(const char **at, const char *end) {
    uint64_t value = 0;
    const char *p = *at;
    while (p < end && *p >= '0' && *p <= '9') value = value * 10 + (uint64_t)(*p++ - '0');
    *at = p + 1; /* past the separator */
    return value;
}

static void look_at_data(struct reader *r, const char *data, size_t n) {
    const char *mark = memmem(data, n, MARK, sizeof MARK - 1);
    if (mark) {
        const char *at = mark + sizeof MARK - 1;
        r->publisher = decimal(&at, data + n) % MAX_PUBLISHERS;
        r->sequence = decimal(&at, data + n);
        r->sent_ns = decimal(&at, data + n);
        r->has_mark = true;
    } else if (!r->attached && options.greeting && memmem(data, n, options.greeting, strlen(options.greeting))) {
        attach(r);
    }
}

static void end_event(struct reader *r, size_t bytes) {
    if (!r->has_mark) {
        tally.other_events++;
        return;
    }
    uint64_t *seen = &r->seen[r->publisher];
    if (r->is_new) *seen = r->sequence - 1;
    r->is_new = false;
    if (r->sequence <= *seen) {
        tally.duplicated++;
    } else {
        tally.lost += r->sequence - *seen - 1;
        *seen = r->sequence;
    }
    if (!tally.delivered++ || r->sent_ns < tally.first_sent) tally.first_sent = r->sent_ns;
    tally.last_received = now;
    if (!r->stalled) tally.weighed++, tally.bytes += bytes;
    if (r->sampled) count_latency(now - r->sent_ns);
    r->has_mark = false;
}

static void sse_line(struct reader *r, const char *line, size_t n) {
    r->event_bytes += (uint32_t)n + 1;
    if (n && line[n - 1] == '\r') n--;
    if (n == 0) {
        /* Whether the id stood before the data or after it. */
        if (r->number == 0 && r->has_mark && r->publisher == 0 && ids[REMEMBERED_IDS - 1][0])
            memcpy(ids[r->sequence % (REMEMBERED_IDS - 1)], ids[REMEMBERED_IDS - 1], ID_BYTES);
        if (r->has_data) end_event(r, r->event_bytes);
        r->has_data = false;
        r->event_bytes = 0;
    } else if (n >= 5 && memcmp(line, "data:", 5) == 0) {
        r->has_data = true;
        look_at_data(r, line + 5, n - 5);
    } else if (r->number == 0 && n > 4 && memcmp(line, "id: ", 4) == 0 && n - 4 < ID_BYTES) {
        char *current = ids[REMEMBERED_IDS - 1]; /* the last slot holds the id of the event being read */
        memcpy(current, line + 4, n - 4);
        current[n - 4] = 0;
    }
}

static void sse_feed(struct reader *r, const char *at, size_t n) {
    const char *end = at + n;
    while (at < end) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        if (!newline) {
            carry(r, at, (size_t)(end - at));
            return;
        }
        if (r->carried) {
            carry(r, at, (size_t)(newline - at));
            sse_line(r, r->carry, r->carried);
            r->carried = 0;
        } else {
            sse_line(r, at, (size_t)(newline - at));
        }
        at = newline + 1;
    }
}

static void cannot_decode(struct reader *r) {
    failed("a reader cannot decode what it was sent", NULL, 0);
    tally.closed++;
    drop(r);
}

static void coded_feed(struct reader *r, const char *at, size_t n) {
    if (!r->decoder) sse_feed(r, at, n);
    else if (!decode(r->decoder, at, n, sse_feed, r)) cannot_decode(r);
}

static void chunked_feed(struct reader *r, const char *at, size_t n) {
    const char *end = at + n;
    while (at < end && r->stage == STREAM) {
        if (r->chunk == CHUNK_SIZE) {
            char c = *at++;
            if (c == '\n') r->chunk = r->chunk_left ? CHUNK_DATA : CHUNK_END;
            else if (c != '\r') r->chunk_left = r->chunk_left * 16 + (uint64_t)(c <= '9' ? c - '0' : (c | 32) - 'a' + 10);
        } else if (r->chunk == CHUNK_DATA) {
            size_t take = (size_t)(end - at) < r->chunk_left ? (size_t)(end - at) : r->chunk_left;
            coded_feed(r, at, take);
            at += take;
            r->chunk_left -= take;
            if (!r->chunk_left) r->chunk = CHUNK_END;
        } else if (*at++ == '\n') {
            r->chunk = CHUNK_SIZE;
        }
    }
}

static void send_text(struct reader *r, uint8_t opcode, const char *text, size_t n) {
    char frame[160] = {(char)(0x80 | opcode), (char)(0x80 | n)}; /* masked with zeros (RFC 6455 section 5.3) */
    if (n > 125) return;
    memcpy(frame + 6, text, n);
    if (send(r->fd, frame, 6 + n, MSG_NOSIGNAL) < 0) failed("cannot send to the server", NULL, 0);
}

/* One event; what it weighs is the frame that it would be as it is. What is not marked as compressed
   (RFC 7692 section 6) leaves the window alone. */
static void websocket_message(struct reader *r, bool compressed, const char *data, size_t n) {
    if (compressed) data = r->decoder ? decode_message(r->decoder, data, &n) : NULL;
    if (!data) {
        cannot_decode(r);
        return;
    }
    look_at_data(r, data, n);
    end_event(r, n + (n < 126 ? 2 : n < 65536 ? 4 : 10));
}

/* Reads whole frames; returns how many bytes they took. */
static size_t websocket_frames(struct reader *r, const char *bytes, size_t n) {
    size_t used = 0;
    while (n - used >= 2 && r->stage == STREAM) {
        const uint8_t *p = (const uint8_t *)bytes + used;
        size_t left = n - used, head = 2, length = p[1] & 127;
        if (length == 126) {
            if (left < 4) break;
            length = (size_t)p[2] << 8 | p[3];
            head = 4;
        } else if (length == 127) {
            if (left < 10) break;
            length = 0;
            for (int i = 2; i < 10; i++) length = length << 8 | p[i];
            head = 10;
        }
        if (left < head + length) break;
        uint8_t opcode = p[0] & 15;
        const char *data = bytes + used + head;
        used += head + length;
        if (opcode == 1 || opcode == 2) {
            websocket_message(r, p[0] & 0x40, data, length);
        } else if (opcode == 9) {
            send_text(r, 10, data, length);
        } else if (opcode == 8) {
            failed("the server closed a WebSocket", data + (length > 2 ? 2 : 0), length > 2 ? length - 2 : 0);
        }
    }
    return used;
}

static void websocket_feed(struct reader *r, const char *bytes, size_t n) {
    if (!r->carried) {
        size_t used = websocket_frames(r, bytes, n);
        if (used < n) carry(r, bytes + used, n - used);
        return;
    }
    carry(r, bytes, n);
    size_t used = websocket_frames(r, r->carry, r->carried);
    r->carried -= (uint32_t)used;
    memmove(r->carry, r->carry + used, r->carried);
}

static void stream_feed(struct reader *r, const char *bytes, size_t n) {
    if (options.transport == WEBSOCKET) websocket_feed(r, bytes, n);
    else if (r->chunked) chunked_feed(r, bytes, n);
    else coded_feed(r, bytes, n);
}

/* To decode takes longer than to send. While is measured, a reader that is not timed keeps what it
   receives, and decodes and counts all of it afterwards: no event counts that was not read. */
static void hold(struct reader *r, const char *bytes, size_t n) {
    if (r->held_bytes + n > r->held_room) {
        r->held_room = (r->held_bytes + n) * 2;
        r->held = realloc(r->held, r->held_room);
    }
    if (!r->held_bytes) holding++;
    memcpy(r->held + r->held_bytes, bytes, n);
    r->held_bytes += n;
}

static void decode_held(struct reader *r) {
    size_t n = r->held_bytes, of_window = r->of_window;
    uint64_t delivered = tally.delivered;
    holding--;
    r->held_bytes = r->of_window = 0;
    if (of_window) stream_feed(r, r->held, of_window);
    counted_later += tally.delivered - delivered;
    if (n > of_window && r->stage == STREAM) stream_feed(r, r->held + of_window, n - of_window);
}

bool readers_to_decode(void) { return holding && !in_window; }

void readers_decode(uint64_t until_ns) {
    while (readers_to_decode() && monotonic_ns() < until_ns) {
        decoding = (decoding + 1) % options.readers;
        if (readers[decoding].held_bytes) decode_held(&readers[decoding]);
    }
}

bool readers_decoded(void) { return !holding; }

void readers_window(uint64_t until_ns) {
    in_window = true;
    churn_from = monotonic_ns();
    churned = 0;
    /* The last of them shall have come, and been sent something, before the end. */
    if (options.churn) churn_interval = (until_ns - churn_from) / 5 * 4 / (uint64_t)options.churn;
}

void readers_window_over(void) {
    in_window = false;
    counted_later = 0;
    for (int i = 0; i < options.readers; i++) readers[i].of_window = readers[i].held_bytes;
}

/* What was received in the window and decoded after it. */
uint64_t readers_counted_later(void) { return counted_later; }

static bool answered_in_coding(const char *head) {
    const char *name = options.transport == WEBSOCKET ? "sec-websocket-extensions:" : "content-encoding:";
    const char *said = strcasestr(head, name);
    if (!said) return false;
    said += strlen(name);
    return !strncasecmp(said + strspn(said, " "), options.coding, strlen(options.coding));
}

static void head_feed(struct reader *r, const char *bytes, size_t n) {
    carry(r, bytes, n);
    char *end = memmem(r->carry, r->carried, "\r\n\r\n", 4);
    if (!end) return;
    const char *wanted = options.transport == WEBSOCKET ? " 101 " : " 200 ";
    if (r->carried < 13 || memcmp(r->carry + 8, wanted, 5) != 0) {
        failed("a reader was refused", r->carry, r->carried);
        tally.refused++;
        drop(r);
        return;
    }
    *end = 0;
    char *chunked = strcasestr(r->carry, "transfer-encoding:");
    r->chunked = chunked && strncasecmp(chunked + 18 + strspn(chunked + 18, " "), "chunked", 7) == 0;
    if (options.coding) {
        if (!answered_in_coding(r->carry)) {
            failed("a reader was answered in another coding", r->carry, r->carried);
            tally.refused++;
            drop(r);
            return;
        }
        r->decoder = decoder_new();
    }
    r->stage = STREAM;
    size_t rest = r->carried - (size_t)(end + 4 - r->carry);
    char *body = malloc(rest + 1);
    memcpy(body, end + 4, rest);
    r->carried = 0;
    if (options.hello) send_text(r, 1, options.hello, strlen(options.hello));
    if (!options.greeting) attach(r);
    stream_feed(r, body, rest);
    free(body);
}

static void send_or_drop(struct reader *r, const char *request, int n) {
    if (send(r->fd, request, (size_t)n, MSG_NOSIGNAL) == n) return;
    failed("a reader could not connect", strerror(errno), strlen(strerror(errno)));
    tally.refused++;
    drop(r);
}

static void send_first(struct reader *r) {
    char request[512];
    r->stage = FIRST;
    send_or_drop(r, request, snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n",
                                      options.first_path, options.port));
}

static void send_request(struct reader *r) {
    char path[512], request[4096], resume[160] = "", coding[64] = "";
    const char *topic = strstr(options.read_path, "{}");
    if (topic)
        snprintf(path, sizeof path, "%.*s%d%s", (int)(topic - options.read_path), options.read_path,
                 (int)r->number % options.topics, topic + 2);
    else
        snprintf(path, sizeof path, "%s", options.read_path);
    if (resuming)
        snprintf(resume, sizeof resume, "Last-Event-ID: %s\r\n", ids[resume_sequence % (REMEMBERED_IDS - 1)]);
    if (options.coding)
        snprintf(coding, sizeof coding, "%s: %s\r\n",
                 options.transport == WEBSOCKET ? "Sec-WebSocket-Extensions" : "Accept-Encoding", options.coding);
    int n = snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n%s%s%s%s\r\n", path, options.port,
                     resume, coding, authorization((int)r->number), options.transport == WEBSOCKET
                         ? "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                           "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                         : "Accept: text/event-stream\r\n");
    r->stage = HEAD;
    send_or_drop(r, request, n);
}

/* The answer to a connection's first request; when it is whole, the stream is asked for. */
static void first_feed(struct reader *r, const char *bytes, size_t n) {
    carry(r, bytes, n);
    carry(r, "", 1);
    char *end = strstr(r->carry, "\r\n\r\n"), *length = strcasestr(r->carry, "content-length:");
    r->carried--;
    if (!end || !length || r->carried < (size_t)(end + 4 - r->carry) + strtoul(length + 15, NULL, 10)) return;
    r->carried = 0;
    send_request(r);
}

void reader_ready(void *which, uint32_t events) {
    static char buffer[256 * 1024];
    struct reader *r = which;
    if (r->stage == CONNECTING) {
        if (!(events & (EPOLLOUT | EPOLLERR | EPOLLHUP))) return;
        struct epoll_event in = {.events = EPOLLIN, .data.ptr = r};
        epoll_ctl(readers_epoll, EPOLL_CTL_MOD, r->fd, &in);
        if (options.first_path) send_first(r);
        else send_request(r);
        return;
    }
    ssize_t n = recv(r->fd, buffer, sizeof buffer, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (n <= 0) {
        failed("the server closed a reader", n ? strerror(errno) : "", n ? strlen(strerror(errno)) : 0);
        tally.closed++;
        drop(r);
        return;
    }
    now = monotonic_ns();
    if (r->stage == FIRST) first_feed(r, buffer, (size_t)n);
    else if (r->stage == HEAD) head_feed(r, buffer, (size_t)n);
    else {
        if (!r->stalled) tally.wire_bytes += (uint64_t)n;
        if (r->decoder && r->attached && !r->sampled && !r->churns && (in_window || r->held_bytes)) hold(r, buffer, (size_t)n);
        else stream_feed(r, buffer, (size_t)n);
    }
}

void readers_create(void) {
    readers = calloc((size_t)options.readers, sizeof *readers);
    next_to_open = options.readers; /* none until told */
    for (int i = 0; i < options.readers; i++) {
        readers[i].number = (uint32_t)i;
        readers[i].seen = calloc(MAX_PUBLISHERS, sizeof(uint64_t));
    }
}

/* Starts to connect them all; `readers_connect_more` keeps at most options.inflight on their way. */
void readers_open(bool resume_after, uint64_t sequence) {
    resuming = resume_after;
    resume_sequence = sequence;
    next_to_open = 0;
    readers_connect_more();
}

static void open_one(struct reader *r, bool again) {
    uint64_t *seen = r->seen;
    char *room = r->carry, *held = r->held;
    *r = (struct reader){.number = r->number, .seen = seen, .carry = room, .carry_room = r->carry_room,
                         .held = held, .held_room = r->held_room, .is_new = again};
    r->stalled = (int)r->number < options.stalled;
    r->churns = (int)r->number >= options.readers - options.churn;
    /* Those that stall are behind: when they get what they get says nothing. */
    r->sampled = !r->stalled && (int)r->number % options.sample_every == options.sample_every - 1;
    /* 10,000 connections to one port from each source address: well inside the ephemeral ports. */
    r->fd = connect_to_server(r->number / 10000, r->stalled);
    r->stage = CONNECTING;
    connecting++;
    struct epoll_event out = {.events = EPOLLOUT, .data.ptr = r};
    epoll_ctl(readers_epoll, EPOLL_CTL_ADD, r->fd, &out);
}

void readers_connect_more(void) {
    while (next_to_open < options.readers && connecting < options.inflight) {
        struct reader *r = &readers[next_to_open++];
        if (resuming) r->seen[0] = resume_sequence;
        open_one(r, false);
    }
}

/* One after the other leaves, and comes back at once as somebody new. */
void readers_churn(void) {
    if (!in_window || churned >= options.churn || monotonic_ns() < churn_from + churn_interval * (uint64_t)churned) return;
    struct reader *r = &readers[options.readers - options.churn + churned++];
    if (r->stage != CLOSED) drop(r);
    resuming = false;
    open_one(r, true);
}

void readers_close(void) {
    for (int i = 0; i < options.readers; i++)
        if (readers[i].stage != CLOSED) drop(&readers[i]);
}

/* Reads the readers that are not timed, a few at a time and each once a beat. They are in no epoll:
   a server on another machine would not pay for the waking up of its readers either, and the
   generator makes one call for several events, so that it is never the slower of the two. */
void readers_beat(void) {
    static uint64_t last;
    static int next;
    uint64_t at = monotonic_ns(), beat = (uint64_t)options.readers * 20000; /* 20 µs each */
    if (beat < 20000000) beat = 20000000;                                   /* but no more than 50 a second */
    uint64_t due = (at - last) * (uint64_t)options.readers / beat;
    if (due == 0) return;
    last = at;
    if (due > 64) due = 64;
    for (; due; due--) {
        struct reader *r = &readers[next];
        next = (next + 1) % options.readers;
        if (r->attached && !r->sampled && !(r->stalled && stalling)) reader_ready(r, EPOLLIN);
    }
}

/* The first options.stalled readers stop reading. Their connections were made with a small
   receive buffer and an Ethernet's segment size, as a reader far away would have. */
void readers_stall(void) { stalling = true; }

void readers_unstall(void) { stalling = false; }

static bool reading(const struct reader *r) { return r->attached && !(r->stalled && stalling); }

int readers_reading(void) {
    int count = 0;
    for (int i = 0; i < options.readers; i++) count += reading(&readers[i]);
    return count;
}

/* Events of one-topic publishers that were answered and that a reading reader has not got. */
uint64_t readers_missing(void) {
    uint64_t missing = 0;
    for (int i = 0; i < options.readers; i++) {
        if (!reading(&readers[i]) || (int)readers[i].number % options.topics) continue;
        for (int p = 0; p < publishers_opened(); p++)
            if (published_by[p] > readers[i].seen[p]) missing += published_by[p] - readers[i].seen[p];
    }
    return missing;
}
