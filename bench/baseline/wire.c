// Owns: the least that pages over TCP can cost: gathered sends from one memory, scattered receives into another, in plain C.
//   wire receive PAGES RUN PASSES WARMUP MEMORY        prints "port N", then its figures
//   wire send PORT PAGES RUN PASSES WARMUP MEMORY      every other run of RUN pages is sent, PASSES times after WARMUP times
// MEMORY "fresh": warming up stays in the first half; the measured passes go to the second, which the receiver never touched.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { PAGE = 4096, BATCH_RUNS = 1000, BATCH_PAGES = 1024 };

typedef struct { uint64_t runs, pages, table[BATCH_RUNS]; } head;

static void die(const char *what) { perror(what); exit(1); }

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec * 1e-9;
}

static double cpu(void) {
  struct rusage u;
  getrusage(RUSAGE_SELF, &u);
  return u.ru_utime.tv_sec + u.ru_stime.tv_sec + (u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1e-6;
}

static void move(int fd, struct iovec *v, int n, int sending) {
  while (n > 0) {
    struct msghdr m = {.msg_iov = v, .msg_iovlen = n};
    ssize_t moved = sending ? sendmsg(fd, &m, MSG_NOSIGNAL) : recvmsg(fd, &m, MSG_WAITALL);
    if (moved <= 0) {
      if (moved < 0 && errno == EINTR) continue;
      die(sending ? "sendmsg" : "recvmsg");
    }
    while (n > 0 && (size_t)moved >= v->iov_len) { moved -= v->iov_len; v++; n--; }
    if (moved > 0) { v->iov_base = (char *)v->iov_base + moved; v->iov_len -= moved; }
  }
}

int main(int argc, char **argv) {
  int sending = argc == 8 && !strcmp(argv[1], "send");
  if (!sending && (argc != 7 || strcmp(argv[1], "receive"))) { fprintf(stderr, "usage: see the head of wire.c\n"); return 2; }
  char **a = argv + (sending ? 3 : 2);
  int64_t pages = atoll(a[0]), run = atoll(a[1]), passes = atoll(a[2]), warmup = atoll(a[3]);
  int fresh = !strcmp(a[4], "fresh");
  char *memory = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) die("mmap");
  madvise(memory, pages * PAGE, MADV_HUGEPAGE);
  memset(memory, 7, fresh && !sending ? pages * PAGE / 2 : pages * PAGE);

  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t length = sizeof address;
  int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;
  if (sending) {
    if (setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "cubic", 5)) die("TCP_CONGESTION");
    address.sin_port = htons(atoi(argv[2]));
    if (connect(fd, (struct sockaddr *)&address, sizeof address)) die("connect");
  } else {
    int listener = fd;
    if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 1)) die("listen");
    getsockname(listener, (struct sockaddr *)&address, &length);
    printf("port %d\n", ntohs(address.sin_port));
    fflush(stdout);
    fd = accept(listener, NULL, NULL);
    if (fd < 0) die("accept");
  }
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);

  static head h;
  static struct iovec v[BATCH_RUNS + 1];
  double began = 0, used = 0;
  int64_t bytes = 0;
  for (int64_t pass = 0; pass < warmup + passes; pass++) {
    if (pass == warmup) { began = now(); used = cpu(); bytes = 0; }
    int64_t from = fresh && pass >= warmup ? pages / 2 : 0;
    int64_t each = (fresh ? pages / 2 : pages) / 2 / run;
    for (int64_t done = 0; done < each;) {
      if (sending) {
        h.runs = h.pages = 0;
        while (done < each && h.runs < BATCH_RUNS && h.pages + run <= BATCH_PAGES) { h.table[h.runs++] = from + done++ * 2 * run; h.pages += run; }
      } else {
        v[0] = (struct iovec){&h, 16};
        move(fd, v, 1, 0);
        if (h.runs == 0 || h.runs > BATCH_RUNS) { fprintf(stderr, "wire: bad head\n"); return 1; }
        v[0] = (struct iovec){h.table, h.runs * 8};
        move(fd, v, 1, 0);
        done += h.runs;
      }
      int n = 0;
      if (sending) v[n++] = (struct iovec){&h, 16 + h.runs * 8};
      for (uint64_t i = 0; i < h.runs; i++) {
        if (h.table[i] + run > (uint64_t)pages) { fprintf(stderr, "wire: bad run\n"); return 1; }
        v[n++] = (struct iovec){memory + h.table[i] * PAGE, run * PAGE};
      }
      bytes += h.runs * run * PAGE;
      move(fd, v, n, sending);
    }
  }
  printf("bytes=%lld seconds=%.6f cpu=%.6f\n", (long long)bytes, now() - began, cpu() - used);
  return 0;
}
