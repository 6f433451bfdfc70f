/* The program of the Linux guest: it writes pages of a large memory at a rate, re-checks each page before it writes it
 * again, and says every 20 ms how far it is. A page that was lost, is older than it should be, or was torn is seen at its
 * next visit: each page holds the number of the write that made it, and so does a table elsewhere in memory.
 *
 * witness MEBIBYTES MEBIBYTES_PER_SECOND hot|uniform HOT_MEBIBYTES
 * Lines: "R pages" when the memory is filled, then "T tick writes errors" every 20 ms, "E page found expected" on an error. */
#define _GNU_SOURCE
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { page_bytes = 4096, page_words = page_bytes / 8, stride = 32, tick_ns = 20 * 1000 * 1000 };

static uint64_t mix(uint64_t x)
{
    x += 0x9e3779b97f4a7c15ull;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
    return x ^ (x >> 31);
}

static uint64_t now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
}

/* Every stride-th word tells page and write; the words between are of the first write and make the page incompressible. */
static uint64_t word(uint64_t page, uint64_t write, unsigned i)
{
    return mix(page * 0x100000001b3ull ^ write << 20 ^ i);
}

static long check(const uint64_t *at, uint64_t page, uint64_t write)
{
    for (unsigned i = 0; i < page_words; i += stride)
        if (at[i] != word(page, write, i))
            return (long)i;
    return -1;
}

static void put(uint64_t *at, uint64_t page, uint64_t write)
{
    for (unsigned i = 0; i < page_words; i += stride)
        ((volatile uint64_t *)at)[i] = word(page, write, i);
}

int main(int argc, char **argv)
{
    if (argc != 5)
        return 2;
    uint64_t pages = strtoull(argv[1], 0, 10) * (1048576 / page_bytes);
    uint64_t rate = strtoull(argv[2], 0, 10) * (1048576 / page_bytes);
    uint64_t hot = strcmp(argv[3], "hot") == 0 ? strtoull(argv[4], 0, 10) * (1048576 / page_bytes) : pages;
    uint64_t *memory = mmap(0, pages * page_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    uint64_t *last = mmap(0, pages * 8, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED || last == MAP_FAILED || pages == 0 || hot == 0 || hot > pages)
        return 3;
    for (uint64_t p = 0; p < pages; p++) {
        uint64_t *at = memory + p * page_words, x = mix(p);
        for (unsigned i = 0; i < page_words; i++)
            at[i] = x += 0x9e3779b97f4a7c15ull ^ (x << 7);
        put(at, p, 0);
    }
    printf("R %llu\n", (unsigned long long)pages);
    fflush(stdout);

    uint64_t writes = 0, errors = 0, tick = 0, sweep = 0, began = now(), next = began + tick_ns;
    for (;;) {
        uint64_t time = now();
        if (time >= next) {
            printf("T %llu %llu %llu\n", (unsigned long long)++tick, (unsigned long long)writes, (unsigned long long)errors);
            fflush(stdout);
            /* Ticks that were missed while the machine stood still are not made up for. */
            next = next + tick_ns > time ? next + tick_ns : time + tick_ns;
        }
        uint64_t due = rate * ((time - began) / 1000) / 1000000;
        if (due > writes + rate / 5 + 64) {
            /* Too slow for the rate, or the clock leapt: no burst follows. */
            began = time - writes * 1000000 / (rate ? rate : 1) * 1000;
            due = writes;
        }
        for (unsigned i = 0; i < 64 && writes < due; i++) {
            uint64_t p = mix(++writes) % hot, *at = memory + p * page_words;
            if (check(at, p, last[p]) >= 0 && errors++ < 10)
                printf("E %llu %llx %llu\n", (unsigned long long)p, (unsigned long long)at[0], (unsigned long long)last[p]);
            last[p] = writes;
            put(at, p, writes);
        }
        if (writes >= due) {
            /* With time to spare, pages are re-checked that are not being written. */
            for (unsigned i = 0; i < 16; i++) {
                uint64_t p = sweep++ % pages;
                if (check(memory + p * page_words, p, last[p]) >= 0 && errors++ < 10)
                    printf("E %llu %llx %llu\n", (unsigned long long)p, (unsigned long long)memory[p * page_words], (unsigned long long)last[p]);
            }
            struct timespec pause = { 0, 1000000 };
            nanosleep(&pause, 0);
        }
    }
}
