/* The load generator: readers and publishers in one thread, told what to do by lines on standard input.

   Commands, each answered by one line of JSON:
     attach                                       connect every reader; wait until all are attached
     open COUNT                                   connect COUNT publishers
     publish COUNT SECONDS PER_SECOND PAD TYPE    publish, then wait until everything has arrived
     reset                                        somebody else will publish: count from here
     settle TOTAL                                 wait until TOTAL events were delivered since then
     stall / unstall                              the readers chosen by --stalled stop reading / go on
     storm SEQUENCE                               close all and reconnect at once, resuming after that event
     detach                                       close every reader
     quit */
#define _GNU_SOURCE
#include "load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* Seconds without any progress after which a wait is given up and told as it is. */
#define PATIENCE 5.0
/* How often to look whether readers are due on the beat. */
#define BEAT_TICK_NS 1000000

struct options options = {.topics = 1, .inflight = 200, .sample_every = 20};
struct tally tally;
int attached, connecting;
int readers_epoll, publishers_epoll;
uint64_t published, publish_errors;
uint64_t published_by[MAX_PUBLISHERS];

uint64_t monotonic_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static double cpu_seconds(void) {
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) + (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

void failed(const char *what, const char *detail, size_t length) {
    if (tally.first_error[0]) return;
    int n = snprintf(tally.first_error, sizeof tally.first_error, "%s: %.*s", what, (int)(length > 160 ? 160 : length),
                     detail ? detail : "");
    for (int i = 0; i < n && i < (int)sizeof tally.first_error; i++) {
        char *c = &tally.first_error[i];
        if (*c < ' ' || *c == '"' || *c == '\\' || *c > '~') *c = ' ';
    }
}

int connect_to_server(uint32_t source, bool far) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), one = 1;
    struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000001 + source)};
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(options.port), .sin_addr.s_addr = htonl(0x7f000001)};
    if (fd < 0) {
        perror("socket");
        exit(1);
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (far) { /* buffers as for a reader over Ethernet; loopback's hide megabytes for each */
        int small = 8192, segment = 1460;
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
        setsockopt(fd, IPPROTO_TCP, TCP_MAXSEG, &segment, sizeof segment);
    }
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
    if (bind(fd, (struct sockaddr *)&from, sizeof from) || (connect(fd, (struct sockaddr *)&to, sizeof to) && errno != EINPROGRESS)) {
        perror("connect");
        exit(1);
    }
    return fd;
}

static void turn(uint64_t deadline) {
    struct epoll_event ready[64];
    uint64_t now = monotonic_ns(), due = publishers_next_due();
    if (due < deadline) deadline = due;
    if (deadline > now + BEAT_TICK_NS) deadline = now + BEAT_TICK_NS;
    uint64_t wait = deadline > now && !readers_to_decode() ? deadline - now : 0;
    struct timespec timeout = {.tv_sec = (time_t)(wait / 1000000000u), .tv_nsec = (long)(wait % 1000000000u)};
    int n = epoll_pwait2(readers_epoll, ready, 64, &timeout, NULL);
    publishers_turn();
    for (int i = 0; i < n; i++) {
        if (i % 16 == 15) publishers_turn();
        if (ready[i].data.ptr != NULL && ready[i].data.ptr != &options) reader_ready(ready[i].data.ptr, ready[i].events);
    }
    readers_beat();
    readers_churn();
    readers_decode(monotonic_ns() + BEAT_TICK_NS);
    if (connecting < options.inflight) readers_connect_more();
}

static uint64_t after(double seconds) { return monotonic_ns() + (uint64_t)(seconds * 1e9); }

static void reset_tally(void) {
    memset(&tally, 0, sizeof tally);
}

static double percentile_ms(double share) {
    uint64_t wanted = (uint64_t)((double)tally.timed * share), counted = 0;
    for (int i = 0; i < 64 * 64; i++) {
        counted += tally.latency[i];
        if (tally.latency[i] && counted >= wanted) {
            return (double)((uint64_t)(i % 64) << (i / 64)) / 1e6;
        }
    }
    return 0;
}

static double each(uint64_t bytes) { return tally.weighed ? (double)bytes / (double)tally.weighed : 0.0; }

static void answer(double seconds, uint64_t delivered, uint64_t answered, double cpu, double settle_seconds) {
    printf("{\"seconds\":%.6f,\"delivered\":%llu,\"published\":%llu,\"delivered_total\":%llu,\"published_total\":%llu,"
           "\"event_bytes\":%.1f,\"wire_bytes\":%.2f,\"p50_ms\":%.4f,\"p99_ms\":%.4f,\"max_ms\":%.4f,\"lost\":%llu,\"duplicated\":%llu,"
           "\"missing\":%llu,\"attached\":%d,\"closed\":%llu,\"refused\":%llu,\"publish_errors\":%llu,\"other_events\":%llu,"
           "\"load_cpu_seconds\":%.6f,\"settle_seconds\":%.6f,\"span_seconds\":%.6f,\"error\":\"%s\"}\n",
           seconds, (unsigned long long)delivered, (unsigned long long)answered, (unsigned long long)tally.delivered,
           (unsigned long long)published, each(tally.bytes), each(tally.wire_bytes),
           percentile_ms(0.5), percentile_ms(0.99), (double)tally.latency_max / 1e6, (unsigned long long)tally.lost,
           (unsigned long long)tally.duplicated, (unsigned long long)readers_missing(), attached,
           (unsigned long long)tally.closed, (unsigned long long)tally.refused, (unsigned long long)publish_errors,
           (unsigned long long)tally.other_events, cpu, settle_seconds,
           (double)(tally.last_received - tally.first_sent) / 1e9, tally.first_error);
    fflush(stdout);
}

/* Waits until `done()` or until nothing has moved for PATIENCE seconds. */
static void wait_until(bool (*done)(void)) {
    uint64_t moved = tally.delivered + tally.other_events + (uint64_t)attached, deadline = after(PATIENCE);
    while (!done()) {
        if (monotonic_ns() > deadline) return failed("gave up waiting", NULL, 0);
        turn(after(0.05));
        uint64_t at = tally.delivered + tally.other_events + (uint64_t)attached;
        if (at != moved) {
            moved = at;
            deadline = after(PATIENCE);
        }
    }
}

static bool all_attached(void) { return attached + (int)tally.refused + (int)tally.closed >= options.readers; }
static bool all_resumed(void) { return all_attached() && readers_missing() == 0; }
static uint64_t published_before, delivered_wanted;
static bool all_arrived(void) {
    if (!readers_decoded()) return false;
    if (options.churn) return publishers_idle() && !connecting && !readers_missing();
    return publishers_idle() && tally.delivered >= (published - published_before) * (uint64_t)readers_reading();
}
static bool total_arrived(void) { return tally.delivered >= delivered_wanted; }

static void attach_all(bool resume, uint64_t sequence, bool (*done)(void)) {
    uint64_t start = monotonic_ns();
    double cpu = cpu_seconds();
    reset_tally();
    readers_open(resume, sequence);
    wait_until(done);
    double seconds = (double)(monotonic_ns() - start) / 1e9;
    answer(seconds, tally.delivered, 0, cpu_seconds() - cpu, 0);
}

static void publish_for(int count, double seconds, double per_second, int pad, const char *type) {
    reset_tally();
    uint64_t start = monotonic_ns(), stop = after(seconds);
    double cpu = cpu_seconds();
    published_before = published;
    readers_window(stop);
    publishers_start(count, stop, per_second, pad, type);
    while (monotonic_ns() < stop && !publish_errors) turn(stop);
    uint64_t end = monotonic_ns(), delivered = tally.delivered;
    uint64_t answered = published - published_before;
    cpu = cpu_seconds() - cpu;
    readers_window_over();
    wait_until(all_arrived);
    delivered += readers_counted_later();
    answer((double)(end - start) / 1e9, delivered, answered, cpu, (double)(monotonic_ns() - end) / 1e9);
}

static uint64_t reset_at;
static double reset_cpu;

static void reset(void) {
    reset_tally();
    reset_at = monotonic_ns();
    reset_cpu = cpu_seconds();
    printf("{}\n");
}

static void settle(uint64_t total) {
    delivered_wanted = total;
    wait_until(total_arrived);
    answer((double)(monotonic_ns() - reset_at) / 1e9, tally.delivered, 0, cpu_seconds() - reset_cpu, 0);
}

static bool obey(char *line) {
    int count = 0, pad = 0;
    double seconds = 0, per_second = 0;
    unsigned long long number = 0;
    char type[64] = "tick";
    if (sscanf(line, "publish %d %lf %lf %d %63s", &count, &seconds, &per_second, &pad, type) == 5)
        publish_for(count, seconds, per_second, pad, type);
    else if (sscanf(line, "open %d", &count) == 1) publishers_open(count), printf("{}\n");
    else if (!strncmp(line, "reset", 5)) reset();
    else if (sscanf(line, "settle %llu", &number) == 1) settle(number);
    else if (!strncmp(line, "stall", 5)) readers_stall(), printf("{}\n");
    else if (sscanf(line, "storm %llu", &number) == 1) readers_close(), attach_all(true, number, all_resumed);
    else if (!strncmp(line, "attach", 6)) attach_all(false, 0, all_attached);
    else if (!strncmp(line, "unstall", 7)) readers_unstall(), printf("{}\n");
    else if (!strncmp(line, "detach", 6)) readers_close(), printf("{}\n");
    else if (!strncmp(line, "quit", 4)) return false;
    else printf("{\"error\":\"unknown command\"}\n");
    fflush(stdout);
    return true;
}

static void read_options(int argc, char **argv) {
    static const struct option known[] = {
        {"port", 1, 0, 'p'}, {"transport", 1, 0, 't'}, {"readers", 1, 0, 'n'}, {"topics", 1, 0, 'k'}, {"stalled", 1, 0, 's'},
        {"inflight", 1, 0, 'i'}, {"read-path", 1, 0, 'r'}, {"publish-path", 1, 0, 'w'}, {"greeting", 1, 0, 'g'},
        {"hello", 1, 0, 'h'}, {"sample-every", 1, 0, 'e'},
        {"first-path", 1, 0, 'f'}, {"publish-topic", 1, 0, 'o'}, {"tokens", 1, 0, 'a'}, {"coding", 1, 0, 'c'},
        {"library", 1, 0, 'l'}, {"churn", 1, 0, 'u'}, {"progress", 1, 0, 'j'}, {"envelope", 1, 0, 'v'}, {0, 0, 0, 0}};
    const char *library = NULL;
    for (int o; (o = getopt_long(argc, argv, "", known, NULL)) != -1;) {
        switch (o) {
        case 'p': options.port = (uint16_t)atoi(optarg); break;
        case 't': options.transport = strcmp(optarg, "websocket") ? SSE : WEBSOCKET; break;
        case 'n': options.readers = atoi(optarg); break;
        case 'k': options.topics = atoi(optarg); break;
        case 's': options.stalled = atoi(optarg); break;
        case 'i': options.inflight = atoi(optarg); break;
        case 'r': options.read_path = optarg; break;
        case 'w': options.publish_path = optarg; break;
        case 'o': options.publish_topic = optarg; break;
        case 'g': options.greeting = optarg; break;
        case 'e': options.sample_every = atoi(optarg); break;
        case 'f': options.first_path = optarg; break;
        case 'h': options.hello = optarg; break;
        case 'a': tokens_read(optarg); break;
        case 'c': options.coding = optarg; break;
        case 'l': library = optarg; break;
        case 'u': options.churn = atoi(optarg); break;
        case 'j': options.progress = atoi(optarg); break;
        case 'v': options.envelope = atoi(optarg); break;
        default: exit(2);
        }
    }
    if (options.coding) coding_open(options.coding, library);
    if (!options.port || !options.readers || !options.read_path) {
        fprintf(stderr, "needed: --port --readers --read-path\n");
        exit(2);
    }
}

int main(int argc, char **argv) {
    read_options(argc, argv);
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    readers_epoll = epoll_create1(EPOLL_CLOEXEC);
    publishers_epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event publishers_in = {.events = EPOLLIN, .data.ptr = NULL}, stdin_in = {.events = EPOLLIN, .data.ptr = &options};
    epoll_ctl(readers_epoll, EPOLL_CTL_ADD, publishers_epoll, &publishers_in);
    epoll_ctl(readers_epoll, EPOLL_CTL_ADD, 0, &stdin_in);
    fcntl(0, F_SETFL, fcntl(0, F_GETFL) | O_NONBLOCK);
    readers_create();
    char line[256];
    size_t length = 0;
    for (;;) { /* readers are read between commands too */
        ssize_t n = read(0, line + length, sizeof line - 1 - length);
        if (n == 0) return 0;
        if (n < 0) {
            turn(after(1));
            continue;
        }
        length += (size_t)n;
        line[length] = 0;
        if (!strchr(line, '\n')) continue;
        length = 0;
        if (!obey(line)) return 0;
    }
}
