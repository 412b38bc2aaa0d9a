/* A Modbus TCP server that costs little, so that its clients are what a benchmark measures. Linux only (epoll).
 *
 * Usage: modbus_server PORT [--change N]
 * Build: cc -O2 -Wall -Wextra -pthread -o modbus_server modbus_server.c
 *
 * Functions 1 to 4, addresses 0 to 65535, any unit. Every request that has arrived is answered with one write to the socket. Each
 * connection has registers of its own, so that its reads alone move them: between two reads of the same block N percent of its registers
 * change (0 unless given, fractions allowed, evenly spread). A register starts as 0x4200 + (address modulo 256) and counts up in its low
 * byte, so that two of them, the first one higher, are always a float between 32 and 128. Coils and discrete inputs stay: n is on when
 * 3 divides n. It prints "ready" when it listens. */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    REGISTERS = 65536,
    IN = 16384,
    LONGEST_REQUEST = 260,
    LONGEST_ANSWER = 260,
    /* Room for an answer to every request that fits into IN: the shortest is 8 bytes long and gets 9, a read is 12 and gets up to 260. */
    OUT = IN / 12 * LONGEST_ANSWER + LONGEST_ANSWER,
};

struct connection {
    int fd;
    size_t in_length;
    size_t out_length;
    size_t out_sent;
    uint8_t in[IN];
    uint8_t out[OUT];
    uint8_t registers[REGISTERS * 2]; /* in the order of the wire, so that an answer is a copy */
    double next_change;               /* how many registers further the next one changes */
};

static uint8_t pattern[REGISTERS * 2];
static uint8_t bits[REGISTERS / 8];
static double stride; /* every so many registers one changes; 0: none */
static int poller;

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static unsigned word(const uint8_t *bytes) {
    return (unsigned)bytes[0] << 8 | bytes[1];
}

static size_t exception(uint8_t *answer, unsigned code) {
    answer[5] = 3;
    answer[7] |= 0x80;
    answer[8] = (uint8_t)code;
    return 9;
}

/* Writes the answer to a whole request; returns its length. */
static size_t reply(struct connection *c, const uint8_t *request, size_t length, uint8_t *answer) {
    memcpy(answer, request, 8);
    answer[4] = 0;
    unsigned function = request[7];
    if (function < 1 || function > 4) {
        return exception(answer, 1);
    }
    if (length != 12) {
        return exception(answer, 3);
    }
    unsigned address = word(request + 8), count = word(request + 10);
    unsigned most = function <= 2 ? 2000 : 125;
    if (count < 1 || count > most) {
        return exception(answer, 3);
    }
    if (address + count > REGISTERS) {
        return exception(answer, 2);
    }
    unsigned bytes;
    if (function <= 2) {
        bytes = (count + 7) / 8;
        memset(answer + 9, 0, bytes);
        for (unsigned n = 0; n < count; n++) {
            unsigned bit = address + n;
            answer[9 + n / 8] |= (uint8_t)((bits[bit / 8] >> bit % 8 & 1) << n % 8);
        }
    } else {
        bytes = count * 2;
        uint8_t *block = c->registers + address * 2;
        if (stride > 0) {
            double place = c->next_change;
            for (; place < count; place += stride) {
                block[(unsigned)place * 2 + 1]++;
            }
            c->next_change = place - count;
        }
        memcpy(answer + 9, block, bytes);
    }
    answer[5] = (uint8_t)(bytes + 3);
    answer[8] = (uint8_t)bytes;
    return 9 + bytes;
}

static void wait_for(struct connection *c, uint32_t events) {
    struct epoll_event event = {.events = events, .data.ptr = c};
    if (epoll_ctl(poller, EPOLL_CTL_MOD, c->fd, &event) < 0) {
        fail("epoll");
    }
}

/* Sends what is there. False when the connection is over. */
static int flush(struct connection *c) {
    while (c->out_sent < c->out_length) {
        ssize_t sent = send(c->fd, c->out + c->out_sent, c->out_length - c->out_sent, MSG_NOSIGNAL);
        if (sent < 0) {
            return errno == EAGAIN;
        }
        c->out_sent += (size_t)sent;
    }
    c->out_sent = c->out_length = 0;
    return 1;
}

/* Answers every whole request that has arrived. False when they are no Modbus. */
static int answer_all(struct connection *c) {
    size_t place = 0;
    while (c->in_length - place >= 8) {
        const uint8_t *request = c->in + place;
        size_t length = 6 + word(request + 4);
        if (word(request + 2) != 0 || length < 8 || length > LONGEST_REQUEST) {
            return 0;
        }
        if (c->in_length - place < length) {
            break;
        }
        c->out_length += reply(c, request, length, c->out + c->out_length);
        place += length;
    }
    c->in_length -= place;
    memmove(c->in, c->in + place, c->in_length);
    return 1;
}

/* False when the connection is over. */
static int serve(struct connection *c) {
    if (c->out_length > 0) {
        /* The client reads slower than it asks: nothing more is taken from it before it has its answers. */
        if (!flush(c)) {
            return 0;
        }
        if (c->out_length == 0) {
            wait_for(c, EPOLLIN);
        }
        return 1;
    }
    ssize_t got = recv(c->fd, c->in + c->in_length, IN - c->in_length, 0);
    if (got <= 0) {
        return got < 0 && errno == EAGAIN;
    }
    c->in_length += (size_t)got;
    if (!answer_all(c) || !flush(c)) {
        return 0;
    }
    if (c->out_length > 0) {
        wait_for(c, EPOLLOUT);
    }
    return 1;
}

static void accept_one(int listener) {
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
    if (fd < 0) {
        return;
    }
    struct connection *c = malloc(sizeof *c);
    if (!c) {
        fail("memory");
    }
    c->fd = fd;
    c->in_length = c->out_length = c->out_sent = 0;
    c->next_change = 0;
    memcpy(c->registers, pattern, sizeof pattern);
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
    if (epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event) < 0) {
        fail("epoll");
    }
}

static int listen_on(int port) {
    int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(fd, 1024) < 0) {
        fail("listen");
    }
    return fd;
}

int main(int count, char **arguments) {
    double change = 0;
    if (count == 4 && strcmp(arguments[2], "--change") == 0) {
        change = atof(arguments[3]);
    }
    if ((count != 2 && count != 4) || change < 0 || change > 100 || (count == 4 && strcmp(arguments[2], "--change") != 0)) {
        fprintf(stderr, "usage: modbus_server PORT [--change N], N from 0 to 100\n");
        return 1;
    }
    stride = change > 0 ? 100 / change : 0;
    for (int n = 0; n < REGISTERS; n++) {
        pattern[n * 2] = 0x42;
        pattern[n * 2 + 1] = (uint8_t)n;
        if (n % 3 == 0) {
            bits[n / 8] |= (uint8_t)(1 << n % 8);
        }
    }
    int listener = listen_on(atoi(arguments[1]));
    poller = epoll_create1(0);
    struct epoll_event events[64] = {{.events = EPOLLIN, .data.ptr = NULL}};
    if (poller < 0 || epoll_ctl(poller, EPOLL_CTL_ADD, listener, &events[0]) < 0) {
        fail("epoll");
    }
    printf("ready\n");
    fflush(stdout);
    for (;;) {
        int ready = epoll_wait(poller, events, 64, -1);
        if (ready < 0 && errno != EINTR) {
            fail("epoll");
        }
        for (int n = 0; n < ready; n++) {
            struct connection *c = events[n].data.ptr;
            if (!c) {
                accept_one(listener);
            } else if (!serve(c)) {
                close(c->fd);
                free(c);
            }
        }
    }
}
