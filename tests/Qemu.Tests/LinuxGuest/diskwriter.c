/* Writes numbered blocks to a disk, one behind the other and around for ever, each synced before the next, and reads an
 * older one back from the disk each time. Says "D block" now and then, "X block found" when a block is not what was written. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { block_bytes = 4096, block_words = block_bytes / 8, blocks = 2048 };

static uint64_t *buffer;

static void fill(uint64_t number)
{
    for (unsigned i = 0; i < block_words; i++)
        buffer[i] = number * 0x9e3779b97f4a7c15ull + i;
}

int main(int argc, char **argv)
{
    int disk = argc == 2 ? open(argv[1], O_RDWR | O_DIRECT) : -1;
    if (disk < 0 || posix_memalign((void **)&buffer, block_bytes, block_bytes) != 0) {
        printf("X no disk\n");
        return 1;
    }
    for (uint64_t number = 1;; number++) {
        fill(number);
        if (pwrite(disk, buffer, block_bytes, (off_t)(number % blocks) * block_bytes) != block_bytes || fdatasync(disk) != 0)
            printf("X %llu not written\n", (unsigned long long)number);
        uint64_t older = number > blocks - 1 ? number - (blocks - 1) : 1;
        if (pread(disk, buffer, block_bytes, (off_t)(older % blocks) * block_bytes) != block_bytes)
            printf("X %llu not read\n", (unsigned long long)older);
        for (unsigned i = 0; i < block_words; i++)
            if (buffer[i] != older * 0x9e3779b97f4a7c15ull + i) {
                printf("X %llu %llx\n", (unsigned long long)older, (unsigned long long)buffer[i]);
                break;
            }
        if (number % 50 == 0)
            printf("D %llu\n", (unsigned long long)number);
        fflush(stdout);
        usleep(1000);
    }
}
