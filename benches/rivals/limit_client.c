/* The least that a Modbus TCP client can cost on this system: one thread, epoll, and nothing but the system calls and the decoding.
 *
 * Usage: limit_client PORT CONNECTIONS SECONDS REGISTERS_PER_READ IN_FLIGHT
 * Build: cc -O2 -Wall -Wextra -o limit_client limit_client.c
 *
 * Each connection reads the same block, holding registers from 0 on, again and again, with IN_FLIGHT requests under way. It believes every
 * answer: no check, no time-out, no table of tags. It is no rival, but the mark beyond which nothing can be gained. It prints
 * {"reads":N,"registers":N,"seconds":S,"cpu_seconds":S}; cpu_seconds is its own time, user and system. Linux only. */

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MOST = 1024, LONGEST = 260 };

struct connection {
    int fd;
    size_t received;
    uint8_t in[64 * LONGEST];
    double values[125];
};

static int registers, in_flight;

static void fail(const char *what) {
    perror(what);
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
    return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) + (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) * 1e-6;
}

static void ask(struct connection *connection, int count) {
    uint8_t out[12 * 64];
    for (int n = 0; n < count; n++) {
        const uint8_t request[12] = {0, 0, 0, 0, 0, 6, 1, 3, 0, 0, 0, (uint8_t)registers};
        memcpy(out + n * 12, request, 12);
    }
    if (write(connection->fd, out, (size_t)count * 12) != count * 12) {
        fail("write");
    }
}

static unsigned long take(struct connection *connection) {
    ssize_t got = read(connection->fd, connection->in + connection->received, sizeof connection->in - connection->received);
    if (got <= 0) {
        fail("read");
    }
    connection->received += (size_t)got;
    size_t length = 9 + (size_t)registers * 2, at = 0;
    unsigned long answers = 0;
    for (; connection->received - at >= length; at += length, answers++) {
        const uint8_t *bytes = connection->in + at + 9;
        for (int n = 0; n < registers; n++) {
            connection->values[n] = (double)(uint16_t)(bytes[n * 2] << 8 | bytes[n * 2 + 1]);
        }
        __asm__ volatile("" : : "r"(connection->values) : "memory");
    }
    memmove(connection->in, connection->in + at, connection->received - at);
    connection->received -= at;
    return answers;
}

int main(int count, char **arguments) {
    if (count != 6) {
        fprintf(stderr, "usage: limit_client PORT CONNECTIONS SECONDS REGISTERS_PER_READ IN_FLIGHT\n");
        return 1;
    }
    int connections = atoi(arguments[2]);
    double seconds = atof(arguments[3]);
    registers = atoi(arguments[4]);
    in_flight = atoi(arguments[5]);
    if (connections < 1 || connections > MOST || registers < 1 || registers > 125 || in_flight < 1 || in_flight > 64) {
        fprintf(stderr, "limit_client: 1 to 1024 connections, 1 to 125 registers, 1 to 64 in flight\n");
        return 1;
    }
    struct connection *all = calloc((size_t)connections, sizeof *all);
    int poll = epoll_create1(0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(arguments[1]))};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    for (int n = 0; n < connections; n++) {
        int yes = 1;
        all[n].fd = socket(AF_INET, SOCK_STREAM, 0);
        if (all[n].fd < 0 || connect(all[n].fd, (struct sockaddr *)&address, sizeof address) < 0) {
            fail("connect");
        }
        setsockopt(all[n].fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = &all[n]};
        epoll_ctl(poll, EPOLL_CTL_ADD, all[n].fd, &event);
    }
    double used = cpu(), begun = now();
    unsigned long reads = 0;
    for (int n = 0; n < connections; n++) {
        ask(&all[n], in_flight);
    }
    while (now() - begun < seconds) {
        struct epoll_event events[MOST];
        int ready = epoll_wait(poll, events, MOST, 1000);
        for (int n = 0; n < ready; n++) {
            unsigned long answers = take(events[n].data.ptr);
            reads += answers;
            if (answers > 0) {
                ask(events[n].data.ptr, (int)answers);
            }
        }
    }
    double elapsed = now() - begun;
    printf("{\"reads\":%lu,\"registers\":%lu,\"seconds\":%.6f,\"cpu_seconds\":%.6f}\n", reads, reads * (unsigned long)registers, elapsed, cpu() - used);
    return 0;
}
