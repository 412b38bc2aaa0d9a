/* What the shims around the C library share: which descriptor belongs to which file, and the real functions. */
#ifndef INTERPOSE_H
#define INTERPOSE_H

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#define DESCRIPTORS 4096

static pthread_mutex_t big_lock = PTHREAD_MUTEX_INITIALIZER;
static char *path_of[DESCRIPTORS];
static int is_appending[DESCRIPTORS];

#define REAL(result, name, ...)                                                                    \
    static result (*real_##name)(__VA_ARGS__);                                                     \
    if (!real_##name) *(void **)&real_##name = dlsym(RTLD_NEXT, #name)

/* The root under which files are watched; none until the environment names one. */
static const char *root_folder(void) {
    static const char *root;
    if (!root) root = getenv("POLDER_SHIM_ROOT");
    return root;
}

static int is_watched(const char *path) {
    const char *root = root_folder();
    size_t length = strlen(path);
    if (!root || strncmp(path, root, strlen(root)) != 0) return 0;
    /* The shared memory of SQLite is made anew after a crash. */
    return length < 4 || strcmp(path + length - 4, "-shm") != 0;
}

static void remember(int descriptor, const char *path, int flags) {
    if (descriptor < 0 || descriptor >= DESCRIPTORS) return;
    free(path_of[descriptor]);
    path_of[descriptor] = is_watched(path) ? strdup(path) : NULL;
    is_appending[descriptor] = (flags & O_APPEND) != 0;
}

static const char *watched(int descriptor) {
    return descriptor >= 0 && descriptor < DESCRIPTORS ? path_of[descriptor] : NULL;
}

static void forget(int descriptor) {
    if (descriptor < 0 || descriptor >= DESCRIPTORS) return;
    free(path_of[descriptor]);
    path_of[descriptor] = NULL;
}

#endif
