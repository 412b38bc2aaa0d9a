/* Makes the disk fail as the file POLDER_FAULTS says at that moment; files under POLDER_SHIM_ROOT only.
 * Build: cc -shared -fPIC -O2 -o disk_fault.so disk_fault.c -ldl -lpthread; use: LD_PRELOAD.
 *
 * A line of the file is a fault: operation, number of the error, bytes that are still written before it, a part of the path ("*" for any).
 * Operations: open (for writing), write, sync. The last write before a full disk is a short one, as on a real one. */
#include "interpose.h"

static char last_rules[1024];
static uint64_t written;

static int matches(const char *rule_path, const char *path) {
    return strcmp(rule_path, "*") == 0 || strstr(path, rule_path) != NULL;
}

/* The error for this operation, 0 for none; `*room` becomes what may still be written. With the lock held. */
static int fault_of(const char *operation, const char *path, uint64_t *room) {
    char rules[sizeof last_rules];
    REAL(int, open64, const char *, int, ...);
    const char *name = getenv("POLDER_FAULTS");
    int descriptor = name ? real_open64(name, O_RDONLY | O_CLOEXEC) : -1;
    if (descriptor < 0) return 0;
    ssize_t length = read(descriptor, rules, sizeof rules - 1);
    REAL(int, close, int);
    real_close(descriptor);
    if (length < 0) length = 0;
    rules[length] = 0;
    if (strcmp(rules, last_rules) != 0) {
        strcpy(last_rules, rules);
        written = 0;
    }
    char *rest = NULL;
    for (char *line = strtok_r(rules, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        char of[16], part[512];
        int error;
        unsigned long long after;
        if (sscanf(line, "%15s %d %llu %511s", of, &error, &after, part) != 4) continue;
        if (strcmp(of, operation) != 0 || !matches(part, path)) continue;
        *room = after > written ? after - written : 0;
        return error;
    }
    return 0;
}

static int open_or_fail(int (*open_it)(const char *, int, ...), const char *path, int flags, mode_t mode) {
    int is_ours = is_watched(path);
    pthread_mutex_lock(&big_lock);
    uint64_t room;
    int for_writing = (flags & O_ACCMODE) != O_RDONLY;
    int error = is_ours && for_writing ? fault_of("open", path, &room) : 0;
    int descriptor = error ? -1 : open_it(path, flags, mode);
    if (!error) error = errno;
    if (descriptor >= 0) remember(descriptor, path, flags);
    pthread_mutex_unlock(&big_lock);
    errno = error;
    return descriptor;
}

#define OPEN(name)                                                                                 \
    int name(const char *path, int flags, ...) {                                                   \
        REAL(int, name, const char *, int, ...);                                                   \
        mode_t mode = 0;                                                                           \
        if (flags & (O_CREAT | O_TMPFILE)) {                                                       \
            va_list rest;                                                                          \
            va_start(rest, flags);                                                                 \
            mode = va_arg(rest, mode_t);                                                           \
            va_end(rest);                                                                          \
        }                                                                                          \
        return open_or_fail(real_##name, path, flags, mode);                                       \
    }
OPEN(open)
OPEN(open64)

int close(int descriptor) {
    REAL(int, close, int);
    pthread_mutex_lock(&big_lock);
    forget(descriptor);
    int done = real_close(descriptor);
    pthread_mutex_unlock(&big_lock);
    return done;
}

#define WRITE(name, parameters, ...)                                                               \
    ssize_t name parameters {                                                                      \
        static ssize_t(*real) parameters;                                                          \
        if (!real) *(void **)&real = dlsym(RTLD_NEXT, #name);                                      \
        if (!watched(descriptor)) return real(__VA_ARGS__);                                        \
        pthread_mutex_lock(&big_lock);                                                             \
        uint64_t room = 0;                                                                         \
        int error = fault_of("write", watched(descriptor), &room);                                 \
        if (error && room > 0 && room < length) length = (size_t)room;                             \
        ssize_t done = error && room == 0 ? -1 : real(__VA_ARGS__);                                \
        if (done >= 0) error = 0;                                                                  \
        else if (!error || room > 0) error = errno;                                                \
        if (done > 0) written += (uint64_t)done;                                                   \
        pthread_mutex_unlock(&big_lock);                                                           \
        errno = error;                                                                             \
        return done;                                                                               \
    }
WRITE(write, (int descriptor, const void *bytes, size_t length), descriptor, bytes, length)
WRITE(pwrite, (int descriptor, const void *bytes, size_t length, off_t offset), descriptor, bytes, length, offset)
WRITE(pwrite64, (int descriptor, const void *bytes, size_t length, off64_t offset), descriptor, bytes, length, offset)

#define SYNC(name)                                                                                 \
    int name(int descriptor) {                                                                     \
        REAL(int, name, int);                                                                      \
        if (!watched(descriptor)) return real_##name(descriptor);                                  \
        pthread_mutex_lock(&big_lock);                                                             \
        uint64_t room;                                                                             \
        int error = fault_of("sync", watched(descriptor), &room);                                  \
        int done = error ? -1 : real_##name(descriptor);                                           \
        if (!error) error = errno;                                                                 \
        pthread_mutex_unlock(&big_lock);                                                           \
        errno = error;                                                                             \
        return done;                                                                               \
    }
SYNC(fsync)
SYNC(fdatasync)
