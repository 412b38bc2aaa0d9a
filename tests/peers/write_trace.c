/* Records, in their order, all changes of files under POLDER_SHIM_ROOT into the file POLDER_TRACE, for simulated power cuts.
 * Build: cc -shared -fPIC -O2 -o write_trace.so write_trace.c -ldl -lpthread; use: LD_PRELOAD.
 *
 * A record: operation (1 byte), length of the path (2), offset (8), length of the data (4), path, data; numbers little endian.
 * Operations: C created, W written at an offset, T cut or extended to a length (offset), S synced, R renamed (data: new path), U removed,
 * D folder made. */
#include "interpose.h"

static int trace_descriptor = -1;

static ssize_t raw_write(int descriptor, const void *bytes, size_t length) {
    REAL(ssize_t, write, int, const void *, size_t);
    return real_write(descriptor, bytes, length);
}

static void put(const void *bytes, size_t length) {
    const char *from = bytes;
    while (length > 0) {
        ssize_t done = raw_write(trace_descriptor, from, length);
        if (done <= 0) abort();
        from += done;
        length -= (size_t)done;
    }
}

/* With the lock held. */
static void record(char operation, const char *path, uint64_t offset, const void *data, uint32_t length) {
    if (trace_descriptor < 0) {
        REAL(int, open, const char *, int, ...);
        const char *name = getenv("POLDER_TRACE");
        trace_descriptor = name ? real_open(name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644) : -1;
        if (trace_descriptor < 0) abort();
    }
    char head[15];
    uint16_t path_length = (uint16_t)strlen(path);
    head[0] = operation;
    memcpy(head + 1, &path_length, 2);
    memcpy(head + 3, &offset, 8);
    memcpy(head + 11, &length, 4);
    put(head, sizeof head);
    put(path, path_length);
    put(data, length);
}

static int open_and_record(int (*open_it)(const char *, int, ...), const char *path, int flags, mode_t mode) {
    if (!is_watched(path)) {
        int descriptor = open_it(path, flags, mode);
        if (descriptor >= 0) {
            pthread_mutex_lock(&big_lock);
            forget(descriptor);
            pthread_mutex_unlock(&big_lock);
        }
        return descriptor;
    }
    pthread_mutex_lock(&big_lock);
    int existed = access(path, F_OK) == 0;
    int descriptor = open_it(path, flags, mode);
    int failure = errno;
    if (descriptor >= 0) {
        remember(descriptor, path, flags);
        if (!existed) record('C', path, 0, "", 0);
        if (existed && (flags & O_TRUNC)) record('T', path, 0, "", 0);
    }
    pthread_mutex_unlock(&big_lock);
    errno = failure;
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
        return open_and_record(real_##name, path, flags, mode);                                    \
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

ssize_t write(int descriptor, const void *bytes, size_t length) {
    if (!watched(descriptor)) return raw_write(descriptor, bytes, length);
    pthread_mutex_lock(&big_lock);
    off_t at = is_appending[descriptor] ? lseek(descriptor, 0, SEEK_END) : lseek(descriptor, 0, SEEK_CUR);
    ssize_t done = raw_write(descriptor, bytes, length);
    int failure = errno;
    if (done > 0) record('W', watched(descriptor), (uint64_t)at, bytes, (uint32_t)done);
    pthread_mutex_unlock(&big_lock);
    errno = failure;
    return done;
}

#define PWRITE(name, offset_type)                                                                  \
    ssize_t name(int descriptor, const void *bytes, size_t length, offset_type offset) {           \
        REAL(ssize_t, name, int, const void *, size_t, offset_type);                               \
        if (!watched(descriptor)) return real_##name(descriptor, bytes, length, offset);           \
        pthread_mutex_lock(&big_lock);                                                             \
        ssize_t done = real_##name(descriptor, bytes, length, offset);                             \
        int failure = errno;                                                                       \
        if (done > 0) record('W', watched(descriptor), (uint64_t)offset, bytes, (uint32_t)done);   \
        pthread_mutex_unlock(&big_lock);                                                           \
        errno = failure;                                                                           \
        return done;                                                                               \
    }
PWRITE(pwrite, off_t)
PWRITE(pwrite64, off64_t)

#define ON_DESCRIPTOR(name, operation, offset, parameters, ...)                                    \
    int name parameters {                                                                          \
        static int(*real) parameters;                                                              \
        if (!real) *(void **)&real = dlsym(RTLD_NEXT, #name);                                      \
        if (!watched(descriptor)) return real(__VA_ARGS__);                                        \
        pthread_mutex_lock(&big_lock);                                                             \
        int done = real(__VA_ARGS__);                                                              \
        int failure = errno;                                                                       \
        if (done == 0) record(operation, watched(descriptor), (uint64_t)(offset), "", 0);          \
        pthread_mutex_unlock(&big_lock);                                                           \
        errno = failure;                                                                           \
        return done;                                                                               \
    }
ON_DESCRIPTOR(ftruncate, 'T', length, (int descriptor, off_t length), descriptor, length)
ON_DESCRIPTOR(ftruncate64, 'T', length, (int descriptor, off64_t length), descriptor, length)
ON_DESCRIPTOR(fsync, 'S', 0, (int descriptor), descriptor)
ON_DESCRIPTOR(fdatasync, 'S', 0, (int descriptor), descriptor)

#define ON_PATH(name, operation, data, length, parameters, ...)                                    \
    int name parameters {                                                                          \
        static int(*real) parameters;                                                              \
        if (!real) *(void **)&real = dlsym(RTLD_NEXT, #name);                                      \
        if (!is_watched(path)) return real(__VA_ARGS__);                                           \
        pthread_mutex_lock(&big_lock);                                                             \
        int done = real(__VA_ARGS__);                                                              \
        int failure = errno;                                                                       \
        if (done == 0) record(operation, path, 0, data, (uint32_t)(length));                       \
        pthread_mutex_unlock(&big_lock);                                                           \
        errno = failure;                                                                           \
        return done;                                                                               \
    }
ON_PATH(unlink, 'U', "", 0, (const char *path), path)
ON_PATH(rmdir, 'U', "", 0, (const char *path), path)
ON_PATH(mkdir, 'D', "", 0, (const char *path, mode_t mode), path, mode)
ON_PATH(rename, 'R', to, strlen(to), (const char *path, const char *to), path, to)
