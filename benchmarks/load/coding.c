/* Content codings and permessage-deflate, undone by the system's own libraries. They are opened when they
   are asked for, and what is used of them is declared here: nobody needs their headers to measure what is
   not compressed. */
#define _GNU_SOURCE
#include "load.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROOM 65536

/* zlib.h has the same; the library asks for its size. */
struct z_stream {
    const uint8_t *next_in;
    unsigned avail_in;
    unsigned long total_in;
    uint8_t *next_out;
    unsigned avail_out;
    unsigned long total_out;
    const char *msg;
    void *state, *allocate, *release, *opaque;
    int data_type;
    unsigned long check, reserved;
};
static int (*inflate_init)(struct z_stream *, int, const char *, int);
static int (*inflate)(struct z_stream *, int);
static int (*inflate_end)(struct z_stream *);

/* So does zstd.h. */
struct zstd_in {
    const void *bytes;
    size_t size, at;
};
struct zstd_out {
    void *bytes;
    size_t size, at;
};
static void *(*zstd_create)(void);
static size_t (*zstd_free)(void *);
static size_t (*zstd_decompress)(void *, struct zstd_out *, struct zstd_in *);
static unsigned (*zstd_is_error)(size_t);

static enum { GZIP, ZSTD, DEFLATE } coding;

static void *symbol(void *library, const char *name) {
    void *found = dlsym(library, name);
    if (found) return found;
    fprintf(stderr, "%s\n", dlerror());
    exit(2);
}

void coding_open(const char *name, const char *path) {
    void *library = dlopen(path, RTLD_NOW);
    if (!library) {
        fprintf(stderr, "%s\n", dlerror());
        exit(2);
    }
    coding = !strcmp(name, "gzip") ? GZIP : !strcmp(name, "zstd") ? ZSTD : DEFLATE;
    if (coding != ZSTD) {
        *(void **)&inflate_init = symbol(library, "inflateInit2_");
        *(void **)&inflate = symbol(library, "inflate");
        *(void **)&inflate_end = symbol(library, "inflateEnd");
    } else {
        *(void **)&zstd_create = symbol(library, "ZSTD_createDStream");
        *(void **)&zstd_free = symbol(library, "ZSTD_freeDStream");
        *(void **)&zstd_decompress = symbol(library, "ZSTD_decompressStream");
        *(void **)&zstd_is_error = symbol(library, "ZSTD_isError");
    }
}

void *decoder_new(void) {
    if (coding == ZSTD) return zstd_create();
    struct z_stream *z = calloc(1, sizeof *z);
    /* More: with gzip's head and trailer. Below zero: with none. */
    if (z && inflate_init(z, coding == GZIP ? 15 + 16 : -15, "1", sizeof *z)) exit(1);
    return z;
}

void decoder_free(void *decoder) {
    if (!decoder) return;
    if (coding == ZSTD) {
        zstd_free(decoder);
        return;
    }
    inflate_end(decoder);
    free(decoder);
}

static bool decode_deflate(struct z_stream *z, const char *bytes, size_t n, decoded *take, struct reader *to) {
    static char room[ROOM];
    z->next_in = (const uint8_t *)bytes;
    z->avail_in = (unsigned)n;
    do {
        z->next_out = (uint8_t *)room;
        z->avail_out = ROOM;
        int said = inflate(z, 2 /* Z_SYNC_FLUSH */);
        if (said != 0 && said != 1 && said != -5) return false; /* Z_OK, Z_STREAM_END, Z_BUF_ERROR */
        take(to, room, ROOM - z->avail_out);
        if (said == 1) return z->avail_in == 0;
    } while (z->avail_in || !z->avail_out);
    return true;
}

static bool decode_zstd(void *z, const char *bytes, size_t n, decoded *take, struct reader *to) {
    static char room[ROOM];
    struct zstd_in in = {bytes, n, 0};
    struct zstd_out out;
    do {
        out = (struct zstd_out){room, ROOM, 0};
        if (zstd_is_error(zstd_decompress(z, &out, &in))) return false;
        take(to, room, out.at);
    } while (in.at < in.size || out.at == out.size);
    return true;
}

bool decode(void *decoder, const char *bytes, size_t n, decoded *take, struct reader *to) {
    return coding == ZSTD ? decode_zstd(decoder, bytes, n, take, to) : decode_deflate(decoder, bytes, n, take, to);
}

static char *message;
static size_t message_bytes, message_room;

static void gather(struct reader *to, const char *bytes, size_t n) {
    (void)to;
    if (message_bytes + n >= message_room) { /* there is room for a message of nothing, too */
        message_room = (message_bytes + n) * 2 + 1;
        message = realloc(message, message_room);
    }
    memcpy(message + message_bytes, bytes, n);
    message_bytes += n;
}

const char *decode_message(void *decoder, const char *bytes, size_t *n) {
    static const char flushed[4] = "\0\0\xff\xff"; /* left out by who compresses (RFC 7692 section 7.2.2) */
    message_bytes = 0;
    if (!decode_deflate(decoder, bytes, *n, gather, NULL) || !decode_deflate(decoder, flushed, sizeof flushed, gather, NULL))
        return NULL;
    *n = message_bytes;
    return message;
}
