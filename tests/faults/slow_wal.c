/* A disk that is slow behind SQLite's log: each write to it takes 150 ms more, so the index, by
 * which readers know of a commit, is written long after the kernel reported the log's change. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static void delay(int file) {
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, sizeof path);
    if (length > 4 && !memcmp(path + length - 4, "-wal", 4))
        usleep(150000);
}

#define SLOW(name)                                                              \
    ssize_t name(int file, const void *data, size_t size, off_t at) {           \
        ssize_t (*real)(int, const void *, size_t, off_t) = dlsym(RTLD_NEXT, #name); \
        ssize_t written = real(file, data, size, at);                           \
        delay(file);                                                            \
        return written;                                                         \
    }

SLOW(pwrite)
SLOW(pwrite64)
