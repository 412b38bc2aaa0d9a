/* A client with libmodbus, as a rival: reads as fast as it can and decodes what it reads.
 *
 * Usage: libmodbus_client PORT CONNECTIONS SECONDS REGISTERS_PER_READ u16|f32
 * Build: cc -O2 -Wall -Wextra -pthread -o libmodbus_client libmodbus_client.c $(pkg-config --cflags --libs libmodbus)
 *
 * One thread a connection; each reads the same block, holding registers from 0 on, again and again, one request at a time because
 * libmodbus knows no other way. All values become doubles: u16 one from a register, f32 one from two, the higher first (ABCD). At the
 * end it prints {"reads":N,"registers":N,"seconds":S,"cpu_seconds":S}; cpu_seconds is its own time, user and system. */

#include <errno.h>
#include <modbus/modbus.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

struct reader {
    pthread_t thread;
    modbus_t *modbus;
    unsigned long reads;
    double values[125];
};

static atomic_int stop;
static int registers;
static int floats;

static void fail(const char *what) {
    fprintf(stderr, "libmodbus_client: %s: %s\n", what, modbus_strerror(errno));
    exit(1);
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static double cpu(void) {
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
           (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) * 1e-6;
}

static void *read_on(void *argument) {
    struct reader *reader = argument;
    uint16_t words[125];
    while (!atomic_load_explicit(&stop, memory_order_relaxed)) {
        if (modbus_read_registers(reader->modbus, 0, registers, words) != registers) {
            fail("read");
        }
        if (floats) {
            for (int n = 0; n < registers / 2; n++) {
                reader->values[n] = (double)modbus_get_float_abcd(words + n * 2);
            }
        } else {
            for (int n = 0; n < registers; n++) {
                reader->values[n] = (double)words[n];
            }
        }
        /* Keeps the compiler from leaving out the decoding, whose result nobody looks at. */
        __asm__ volatile("" : : "r"(reader->values) : "memory");
        reader->reads++;
    }
    return NULL;
}

int main(int count, char **arguments) {
    if (count != 6) {
        fprintf(stderr, "usage: libmodbus_client PORT CONNECTIONS SECONDS REGISTERS_PER_READ u16|f32\n");
        return 1;
    }
    int connections = atoi(arguments[2]);
    double seconds = atof(arguments[3]);
    registers = atoi(arguments[4]);
    floats = strcmp(arguments[5], "f32") == 0;
    if (connections < 1 || seconds <= 0 || registers < 1 || registers > 125 || (floats && registers % 2 != 0) ||
        (!floats && strcmp(arguments[5], "u16") != 0)) {
        fprintf(stderr, "libmodbus_client: 1 to 125 registers, an even number of them for f32, and a type of u16 or f32\n");
        return 1;
    }
    struct reader *readers = calloc((size_t)connections, sizeof *readers);
    for (int n = 0; n < connections; n++) {
        readers[n].modbus = modbus_new_tcp("127.0.0.1", atoi(arguments[1]));
        if (!readers[n].modbus || modbus_connect(readers[n].modbus) < 0) {
            fail("connect");
        }
    }
    double cpu_before = cpu(), start = now();
    for (int n = 0; n < connections; n++) {
        if (pthread_create(&readers[n].thread, NULL, read_on, &readers[n]) != 0) {
            fail("thread");
        }
    }
    struct timespec span = {.tv_sec = (time_t)seconds, .tv_nsec = (long)((seconds - (double)(time_t)seconds) * 1e9)};
    nanosleep(&span, NULL);
    atomic_store(&stop, 1);
    unsigned long reads = 0;
    for (int n = 0; n < connections; n++) {
        pthread_join(readers[n].thread, NULL);
        reads += readers[n].reads;
    }
    double elapsed = now() - start;
    printf("{\"reads\":%lu,\"registers\":%lu,\"seconds\":%.6f,\"cpu_seconds\":%.6f}\n", reads, reads * (unsigned long)registers, elapsed,
           cpu() - cpu_before);
    return 0;
}
