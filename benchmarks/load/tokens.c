/* Who the readers and publishers say they are: bearer tokens from a file, one in a line. */
#define _GNU_SOURCE
#include "load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char **headers;
static int count;

void tokens_read(const char *path) {
    FILE *file = fopen(path, "r");
    char *line = NULL;
    size_t room = 0;
    ssize_t n;
    if (!file) {
        perror(path);
        exit(2);
    }
    while ((n = getline(&line, &room, file)) > 0) {
        line[strcspn(line, "\r\n")] = 0;
        headers = realloc(headers, (size_t)(count + 1) * sizeof *headers);
        if (!headers || asprintf(&headers[count++], "Authorization: Bearer %s\r\n", line) < 0) exit(1);
    }
    free(line);
    fclose(file);
    if (!count) {
        fprintf(stderr, "%s has no tokens\n", path);
        exit(2);
    }
}

const char *authorization(int number) { return count ? headers[number % count] : ""; }
