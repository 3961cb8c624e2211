/* Publishers: keep-alive HTTP connections, each POSTing its next event when the last one was answered. */
#define _GNU_SOURCE
#include "load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

struct publisher {
    int fd, number;
    bool waiting; /* for an answer */
    uint64_t sequence;
    char answer[8192];
    size_t received;
};

static struct publisher *publishers;
static int opened, active, waiting_for;
static uint64_t stop_at, next_due, interval_ns;
static char padding[65536], type[64] = "tick";
static int pad_length;

static void open_one(struct publisher *p) {
    struct epoll_event in = {.events = EPOLLIN, .data.ptr = p};
    p->fd = connect_to_server(0, false);
    p->received = 0;
    epoll_ctl(publishers_epoll, EPOLL_CTL_ADD, p->fd, &in);
}

void publishers_open(int count) {
    publishers = calloc((size_t)count, sizeof *publishers);
    for (int i = 0; i < count; i++) {
        publishers[i].number = i;
        open_one(&publishers[i]);
    }
    opened = count;
    memset(padding, 'x', sizeof padding);
}

int publishers_opened(void) { return opened; }

/* What Streamer adds to an event, for servers that add nothing: else theirs would be fewer bytes. */
static const char *envelope(void) {
    static char fields[128];
    char second[32];
    struct timespec at;
    clock_gettime(CLOCK_REALTIME, &at);
    strftime(second, sizeof second, "%Y-%m-%dT%H:%M:%S", gmtime(&at.tv_sec));
    int ms = (int)(at.tv_nsec / 1000000);
    snprintf(fields, sizeof fields, "\"id\":\"%lld%03d-0\",\"topic\":\"projects/bench0\",\"timestamp\":\"%s.%03dZ\",",
             (long long)at.tv_sec, ms, second, ms);
    return fields;
}

/* What a worker says of a job, and what differs from one event to the next. */
static const char *progress(uint64_t sequence) {
    static char fields[512];
    unsigned frame = (unsigned)(sequence % 1200);
    snprintf(fields, sizeof fields,
             "%s\"project_id\":\"bench0\",\"job_id\":\"8f3c6a52-1b7e-4d0f-9c38-5e2a7d904b16\",\"task_name\":\"encode\","
             "\"status\":\"in_progress\",\"progress\":%.4f,\"message\":\"Transcoding frame %u of 1200\","
             "\"rate\":%.1f,\"eta_seconds\":%.1f,",
             options.envelope ? envelope() : "", frame / 1200.0, frame, 24 + frame % 17 / 10.0, (1200 - frame) / 24.7);
    return fields;
}

/* The same each time, or nothing that could be compressed. */
static const char *padded(void) {
    static uint64_t state = 0x9e3779b97f4a7c15u;
    for (int i = 0; options.progress && i < pad_length; i++) {
        state ^= state << 13, state ^= state >> 7, state ^= state << 17;
        padding[i] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"[state >> 58];
    }
    return padding;
}

static void publish(struct publisher *p) {
    static char request[2 * 65536];
    char body[66000], topic[128] = "";
    if (options.publish_topic) snprintf(topic, sizeof topic, "\"topic\":\"%s\",", options.publish_topic);
    p->sequence++;
    int length = snprintf(body, sizeof body, "{%s\"type\":\"%s\",%s" MARK "%d:%llu:%llu\",\"pad\":\"%.*s\"}", topic, type,
                          options.progress ? progress(p->sequence) : "", p->number, (unsigned long long)p->sequence,
                          (unsigned long long)monotonic_ns(), pad_length, padded());
    int n = snprintf(request, sizeof request,
                     "POST %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Type: application/json\r\n%s"
                     "Content-Length: %d\r\n\r\n%s", options.publish_path, options.port, authorization(0), length, body);
    if (send(p->fd, request, (size_t)n, MSG_NOSIGNAL) != n) {
        failed("a publisher could not send", NULL, 0);
        publish_errors++;
        return;
    }
    p->waiting = true;
    waiting_for++;
}

/* Whether the bytes received so far are a whole answer. */
static bool answered(struct publisher *p) {
    p->answer[p->received] = 0;
    char *head_end = strstr(p->answer, "\r\n\r\n");
    if (!head_end) return false;
    char *length = strcasestr(p->answer, "content-length:");
    if (length && length < head_end) {
        return p->received >= (size_t)(head_end + 4 - p->answer) + strtoul(length + 15, NULL, 10);
    }
    if (strstr(p->answer, " 204 ")) return true;
    return p->received >= 5 && memcmp(p->answer + p->received - 5, "0\r\n\r\n", 5) == 0;
}

static void receive(struct publisher *p) {
    ssize_t n = recv(p->fd, p->answer + p->received, sizeof p->answer - 1 - p->received, MSG_DONTWAIT);
    if (n <= 0) { /* between publishes a server may close what it takes for an idle client */
        close(p->fd);
        open_one(p);
        if (!p->waiting) return;
        failed("the server closed a publisher", NULL, 0);
        publish_errors++;
        waiting_for--;
        p->waiting = false;
        return;
    }
    p->received += (size_t)n;
    if (!answered(p)) return;
    p->waiting = false;
    waiting_for--;
    if (p->answer[9] == '2') {
        published++;
        published_by[p->number] = p->sequence;
    } else {
        failed("a publish was refused", p->answer, p->received);
        publish_errors++;
        p->sequence--;
    }
    p->received = 0;
    if (!interval_ns && !publish_errors && monotonic_ns() < stop_at) publish(p);
}

/* per_second 0: as fast as answers come; otherwise one publisher, paced. */
void publishers_start(int count, uint64_t until_ns, double per_second, int pad, const char *event_type) {
    active = count < opened ? count : opened;
    stop_at = until_ns;
    pad_length = pad < 0 ? 0 : pad;
    snprintf(type, sizeof type, "%s", event_type);
    interval_ns = per_second > 0 ? (uint64_t)(1e9 / per_second) : 0;
    next_due = monotonic_ns();
    if (!interval_ns)
        for (int i = 0; i < active; i++) publish(&publishers[i]);
}

uint64_t publishers_next_due(void) {
    if (!interval_ns || next_due >= stop_at || publish_errors || publishers[0].waiting) return UINT64_MAX;
    return next_due;
}

/* Called often and never waits: a publisher must not stand behind a thousand readers. */
void publishers_turn(void) {
    struct epoll_event ready[64];
    int n = epoll_wait(publishers_epoll, ready, 64, 0);
    for (int i = 0; i < n; i++) receive(ready[i].data.ptr);
    if (publishers_next_due() <= monotonic_ns()) {
        publish(&publishers[0]);
        next_due += interval_ns;
    }
}

bool publishers_idle(void) {
    return waiting_for == 0 && (publish_errors || monotonic_ns() >= stop_at);
}
