/* A Modbus server by other people (libmodbus) for Polder's tests.
 *
 * Usage: libmodbus_server tcp PORT | libmodbus_server rtu PATH       (RTU: unit 1, 19200 baud, no parity, one stop bit)
 * Build: cc -O2 -o libmodbus_server libmodbus_server.c $(pkg-config --cflags --libs libmodbus)
 *
 * 2000 of each: holding register n starts as n * 7 + 1 and input register n as n * 13 + 5 (modulo 65536), coil n is on when 3 divides n,
 * discrete input n when 5 divides n. Over TCP it serves several clients, and every unit is the same device.
 *
 * It prints "ready" when it listens, and "write ADDRESS VALUE..." for each write that was carried out, by the functions 5, 6, 15, 16, 22
 * and 23; coils as 0 or 1, after function 22 the value that the register has then. */

#include <errno.h>
#include <modbus/modbus.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SIZE = 2000 };

static modbus_t *modbus;
static modbus_mapping_t *map;

static void fail(const char *what) {
    fprintf(stderr, "libmodbus_server: %s: %s\n", what, modbus_strerror(errno));
    exit(1);
}

static void fill(void) {
    for (int n = 0; n < SIZE; n++) {
        map->tab_registers[n] = (uint16_t)(n * 7 + 1);
        map->tab_input_registers[n] = (uint16_t)(n * 13 + 5);
        map->tab_bits[n] = n % 3 == 0;
        map->tab_input_bits[n] = n % 5 == 0;
    }
}

static int word(const uint8_t *bytes) {
    return bytes[0] << 8 | bytes[1];
}

/* Says what a request has written, with the values that are held now. */
static void report(const uint8_t *pdu) {
    const uint8_t *place = pdu + 1;
    int count = 1;
    switch (pdu[0]) {
    case MODBUS_FC_WRITE_SINGLE_COIL:
    case MODBUS_FC_WRITE_SINGLE_REGISTER:
    case MODBUS_FC_MASK_WRITE_REGISTER:
        break;
    case MODBUS_FC_WRITE_MULTIPLE_COILS:
    case MODBUS_FC_WRITE_MULTIPLE_REGISTERS:
        count = word(pdu + 3);
        break;
    case MODBUS_FC_WRITE_AND_READ_REGISTERS:
        place = pdu + 5;
        count = word(pdu + 7);
        break;
    default:
        return;
    }
    int coils = pdu[0] == MODBUS_FC_WRITE_SINGLE_COIL || pdu[0] == MODBUS_FC_WRITE_MULTIPLE_COILS;
    int address = word(place);
    printf("write %d", address);
    for (int n = address; n < address + count && n < SIZE; n++) {
        printf(" %d", coils ? map->tab_bits[n] : map->tab_registers[n]);
    }
    printf("\n");
    fflush(stdout);
}

/* Takes one request and answers it. False when the connection is over. */
static int serve(int trailer) {
    uint8_t request[MODBUS_MAX_ADU_LENGTH];
    int length = modbus_receive(modbus, request);
    if (length == 0) {
        return 1; /* for another unit */
    }
    if (length < 0) {
        /* A damaged frame on a serial line is not answered; the master asks again. */
        return trailer > 0 && (errno == EMBBADCRC || errno == EMBBADDATA || errno == ETIMEDOUT);
    }
    int header = modbus_get_header_length(modbus);
    int answered = modbus_reply(modbus, request, length, map);
    if (answered < 0) {
        return 0;
    }
    /* An exception is two bytes between header and trailer; every other answer is longer. */
    if (answered > header + 2 + trailer) {
        report(request + header);
    }
    return 1;
}

static void serve_tcp(int port) {
    modbus = modbus_new_tcp("127.0.0.1", port);
    if (!modbus) {
        fail("address");
    }
    int listener = modbus_tcp_listen(modbus, 16);
    if (listener < 0) {
        fail("listen");
    }
    printf("ready\n");
    fflush(stdout);
    fd_set open;
    FD_ZERO(&open);
    FD_SET(listener, &open);
    int highest = listener;
    for (;;) {
        fd_set readable = open;
        if (select(highest + 1, &readable, NULL, NULL, NULL) < 0) {
            fail("select");
        }
        for (int fd = 0; fd <= highest; fd++) {
            if (!FD_ISSET(fd, &readable)) {
                continue;
            }
            if (fd != listener) {
                modbus_set_socket(modbus, fd);
                if (!serve(0)) {
                    close(fd);
                    FD_CLR(fd, &open);
                }
                continue;
            }
            int client = accept(listener, NULL, NULL);
            if (client >= FD_SETSIZE) {
                close(client);
            } else if (client >= 0) {
                int on = 1;
                setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
                FD_SET(client, &open);
                highest = client > highest ? client : highest;
            }
        }
    }
}

static void serve_rtu(const char *path) {
    modbus = modbus_new_rtu(path, 19200, 'N', 8, 1);
    if (!modbus || modbus_set_slave(modbus, 1) < 0 || modbus_connect(modbus) < 0) {
        fail(path);
    }
    printf("ready\n");
    fflush(stdout);
    while (serve(2)) {
    }
    fail(path);
}

int main(int count, char **arguments) {
    if (count != 3 || (strcmp(arguments[1], "tcp") != 0 && strcmp(arguments[1], "rtu") != 0)) {
        fprintf(stderr, "usage: libmodbus_server tcp PORT | libmodbus_server rtu PATH\n");
        return 1;
    }
    signal(SIGPIPE, SIG_IGN);
    map = modbus_mapping_new(SIZE, SIZE, SIZE, SIZE);
    if (!map) {
        fail("memory");
    }
    fill();
    if (strcmp(arguments[1], "tcp") == 0) {
        serve_tcp(atoi(arguments[2]));
    } else {
        serve_rtu(arguments[2]);
    }
}
