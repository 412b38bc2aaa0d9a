/* Stores samples with SQLite, as a rival of Polder's historian.
 *
 *   history_store rows|chunks FILE TAGS SECONDS
 *
 * rows: one row a sample, keyed by tag and time, ten thousand to a commit: the usual layout.
 * chunks: every ten thousand samples one durable blob; at the end of an hour one compressed blob for each tag with the extremes of its
 * minutes; the open blobs go in the same commit. Values as decimals or xor planes, times as differences of differences, zstd level 3.
 * Neither knows quality, late samples, nor survives what the historian survives: they are limits, not peers.
 *
 * Prints: samples a second, processor nanoseconds a sample, bytes a sample. The signal is made before the clock starts.
 */
#include <math.h>
#include <sqlite3.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <zstd.h>

enum { HOUR = 3600, BATCH = 10000, HEAD_BYTES = 21 };

static uint64_t state = 88172645463325252ULL;

static uint64_t next_random(void) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static double noise(void) {
    double sum = 0;
    for (int turn = 0; turn < 4; turn++)
        sum += (double)(next_random() >> 11) / 9007199254740992.0;
    return (sum - 2) * 1.7;
}

/* Sine, walk and noise of 0.05, rounded to hundredths; the same as in history.rs. */
static double signal_value(int tag, long second, double *walk) {
    *walk += 0.002 * noise();
    double value = 50 + tag % 40 + 10 * sin(6.283185307 * (double)second / HOUR + tag) + *walk + 0.05 * noise();
    return round(value * 100) / 100;
}

static sqlite3 *database;

static void check(int code, const char *what) {
    if (code != SQLITE_OK && code != SQLITE_DONE && code != SQLITE_ROW) {
        fprintf(stderr, "history_store: %s: %s\n", what, sqlite3_errmsg(database));
        exit(1);
    }
}

static void run(const char *sql) { check(sqlite3_exec(database, sql, NULL, NULL, NULL), sql); }

static sqlite3_stmt *prepare(const char *sql) {
    sqlite3_stmt *statement;
    check(sqlite3_prepare_v2(database, sql, -1, &statement, NULL), sql);
    return statement;
}

static void step(sqlite3_stmt *statement) {
    check(sqlite3_step(statement), "step");
    sqlite3_reset(statement);
}

static double seconds(clockid_t clock) {
    struct timespec time;
    clock_gettime(clock, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static int put_varint(uint8_t *out, int64_t number) {
    uint64_t zigzag = ((uint64_t)number << 1) ^ (uint64_t)(number >> 63);
    int length = 0;
    for (; zigzag > 127; zigzag >>= 7)
        out[length++] = (uint8_t)(zigzag | 128);
    out[length++] = (uint8_t)zigzag;
    return length;
}

static uint8_t plain[1 << 20], packed[1 << 20];
static ZSTD_CCtx *compressor;

static size_t encode(const int64_t *times, const double *values, int count) {
    int length = 0;
    int64_t step_before = 0, before = 0;
    for (int place = 1; place < count; place++) {
        int64_t step = times[place] - times[place - 1];
        length += put_varint(plain + length, step - step_before);
        step_before = step;
    }
    int digits = 0, fits = 0;
    double power = 1;
    for (; digits <= 6 && !fits; digits += !fits, power = pow(10, digits)) {
        fits = 1;
        for (int place = 0; place < count && fits; place++)
            fits = nearbyint(values[place] * power) / power == values[place];
    }
    if (fits) {
        for (int place = 0; place < count; place++) {
            int64_t number = llrint(values[place] * power);
            length += put_varint(plain + length, number - before);
            before = number;
        }
    } else {
        uint64_t last = 0;
        for (int place = 0; place < count; place++) {
            uint64_t bits;
            memcpy(&bits, &values[place], 8);
            for (int plane = 0; plane < 8; plane++)
                plain[length + plane * count + place] = (uint8_t)((bits ^ last) >> (8 * plane));
            last = bits;
        }
        length += 8 * count;
    }
    return ZSTD_compressCCtx(compressor, packed, sizeof packed, plain, (size_t)length, 3);
}

static void store_rows(const double *values, int tags, long total) {
    run("CREATE TABLE sample(tag INTEGER, time INTEGER, value REAL, quality INTEGER, PRIMARY KEY(tag, time)) WITHOUT ROWID");
    sqlite3_stmt *insert = prepare("INSERT INTO sample VALUES (?, ?, ?, ?)");
    run("BEGIN");
    long count = 0;
    for (long second = 0; second < total; second++)
        for (int tag = 0; tag < tags; tag++) {
            sqlite3_bind_int(insert, 1, tag + 1);
            sqlite3_bind_int64(insert, 2, second * 1000000 + second % 7 * 1000);
            sqlite3_bind_double(insert, 3, values[second * tags + tag]);
            sqlite3_bind_int(insert, 4, 192);
            step(insert);
            if (++count % BATCH == 0) {
                run("COMMIT");
                run("BEGIN");
            }
        }
    run("COMMIT");
    sqlite3_finalize(insert);
}

struct hour {
    int64_t *times;
    double *values;
    int count;
};

static void seal(sqlite3_stmt *insert, struct hour *hours, int tags, long hour) {
    run("BEGIN");
    for (int tag = 0; tag < tags; tag++) {
        struct hour *open = &hours[tag];
        float extremes[2 * HOUR / 60 + 2];
        int minutes = 0;
        for (int start = 0; start < open->count; start += 60, minutes++) {
            float low = (float)open->values[start], high = low;
            for (int place = start; place < start + 60 && place < open->count; place++) {
                float value = (float)open->values[place];
                low = value < low ? value : low;
                high = value > high ? value : high;
            }
            extremes[2 * minutes] = low;
            extremes[2 * minutes + 1] = high;
        }
        size_t length = encode(open->times, open->values, open->count);
        sqlite3_bind_int(insert, 1, tag + 1);
        sqlite3_bind_int64(insert, 2, hour);
        sqlite3_bind_int(insert, 3, open->count);
        sqlite3_bind_blob(insert, 4, extremes, minutes * 8, SQLITE_STATIC);
        sqlite3_bind_blob(insert, 5, packed, (int)length, SQLITE_STATIC);
        step(insert);
        open->count = 0;
    }
    run("DELETE FROM head");
    run("COMMIT");
}

static void store_chunks(const double *values, int tags, long total) {
    run("CREATE TABLE head(id INTEGER PRIMARY KEY, bytes BLOB)");
    run("CREATE TABLE chunk(tag INTEGER, hour INTEGER, count INTEGER, extremes BLOB, bytes BLOB, PRIMARY KEY(tag, hour)) WITHOUT ROWID");
    sqlite3_stmt *head = prepare("INSERT INTO head(bytes) VALUES (?)");
    sqlite3_stmt *chunk = prepare("INSERT INTO chunk VALUES (?, ?, ?, ?, ?)");
    struct hour *hours = calloc((size_t)tags, sizeof *hours);
    for (int tag = 0; tag < tags; tag++) {
        hours[tag].times = malloc(HOUR * sizeof(int64_t));
        hours[tag].values = malloc(HOUR * sizeof(double));
    }
    uint8_t *blob = malloc(BATCH * HEAD_BYTES);
    int in_blob = 0;
    for (long second = 0; second < total; second++) {
        for (int tag = 0; tag < tags; tag++) {
            struct hour *open = &hours[tag];
            int64_t time = second * 1000000 + second % 7 * 1000;
            double value = values[second * tags + tag];
            open->times[open->count] = time;
            open->values[open->count++] = value;
            uint8_t *row = blob + HEAD_BYTES * in_blob++;
            memcpy(row, &tag, 4);
            memcpy(row + 4, &time, 8);
            memcpy(row + 12, &value, 8);
            row[20] = 192;
            if (in_blob == BATCH) {
                sqlite3_bind_blob(head, 1, blob, HEAD_BYTES * in_blob, SQLITE_STATIC);
                step(head);
                in_blob = 0;
            }
        }
        if ((second + 1) % HOUR == 0 || second + 1 == total)
            seal(chunk, hours, tags, second / HOUR);
    }
    sqlite3_finalize(head);
    sqlite3_finalize(chunk);
}

int main(int count, char **arguments) {
    if (count != 5) {
        fprintf(stderr, "usage: history_store rows|chunks FILE TAGS SECONDS\n");
        return 1;
    }
    int tags = atoi(arguments[3]);
    long total = atol(arguments[4]), samples = tags * total;
    double *values = malloc((size_t)samples * sizeof(double)), *walks = calloc((size_t)tags, sizeof(double));
    for (long second = 0; second < total; second++)
        for (int tag = 0; tag < tags; tag++)
            values[second * tags + tag] = signal_value(tag + 1, second, &walks[tag]);
    compressor = ZSTD_createCCtx();
    check(sqlite3_open(arguments[2], &database), "open");
    run("PRAGMA journal_mode = WAL");
    run("PRAGMA synchronous = NORMAL");
    run("PRAGMA cache_size = -65536");
    double start = seconds(CLOCK_MONOTONIC), busy = seconds(CLOCK_PROCESS_CPUTIME_ID);
    if (strcmp(arguments[1], "rows") == 0)
        store_rows(values, tags, total);
    else
        store_chunks(values, tags, total);
    run("PRAGMA wal_checkpoint(TRUNCATE)");
    start = seconds(CLOCK_MONOTONIC) - start;
    busy = seconds(CLOCK_PROCESS_CPUTIME_ID) - busy;
    struct stat file;
    stat(arguments[2], &file);
    printf("%.0f %.1f %.3f\n", (double)samples / start, busy * 1e9 / (double)samples, (double)file.st_size / (double)samples);
    return 0;
}
