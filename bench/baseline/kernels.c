// Owns: the kernels of a migration in plain C, as the measure for those of the engine. Prints one line: nanoseconds per unit.
//   kernels NAME MILLISECONDS      names: see main
#define _GNU_SOURCE
#include <immintrin.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

enum { PAGE = 4096, BITMAP_WORDS = 1 << 19, MAX_BOUNDS = 8192 }; // 4 MiB, a guest of 128 GiB: in a small one a repeating pattern is learnt by heart

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1e9 + t.tv_nsec;
}

static void *pages(size_t bytes) {
  void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED) { perror("mmap"); exit(1); }
  madvise(p, bytes, MADV_HUGEPAGE);
  memset(p, 1, bytes);
  memset(p, 0, bytes); // touched: a hole would be the kernel's one zero page, always in the cache
  return p;
}

static int is_zero(const uint8_t *page) {
  for (int i = 0; i < PAGE; i += 256) {
    __m256i any = _mm256_setzero_si256();
    for (int j = 0; j < 256; j += 32) any = _mm256_or_si256(any, _mm256_load_si256((const __m256i *)(page + i + j)));
    if (!_mm256_testz_si256(any, any)) return 0;
  }
  return 1;
}

static int64_t zero_check(const uint8_t *memory, size_t bytes) {
  int64_t zeros = 0;
  for (size_t at = 0; at < bytes; at += PAGE) zeros += is_zero(memory + at);
  return zeros;
}

// A word xor itself shifted has a bit wherever a run begins or ends. Blocks without an edge are skipped. Begins and ends
// alternate in BOUNDS, so it is a table of runs already; it needs 64 entries more than there are edges.
// FLAT writes four places at a time whether there are so many or not: where runs are scattered, the branch that would ask is
// what costs. Where they are few, asking is cheaper: both are timed, and the better one is the measure.
static inline __attribute__((always_inline)) int64_t extract(const uint64_t *words, int64_t count, int64_t *bounds, int flat) {
  int64_t found = 0, flushed = 0;
  uint64_t carry = 0;
  for (int64_t w = 0; w < count; w++) {
    if ((w & 7) == 0) {
      if (found > MAX_BOUNDS - 8 * 64) { // a run that is open stays
        flushed += found & ~1;
        bounds[0] = bounds[found - 1];
        found &= 1;
      }
      __m256i value = _mm256_set1_epi64x(carry ? -1 : 0);
      while (w + 8 <= count) {
        __m256i a = _mm256_xor_si256(_mm256_loadu_si256((const __m256i *)(words + w)), value);
        __m256i b = _mm256_xor_si256(_mm256_loadu_si256((const __m256i *)(words + w + 4)), value);
        __m256i any = _mm256_or_si256(a, b);
        if (!_mm256_testz_si256(any, any)) break;
        w += 8;
      }
      if (w >= count) break;
    }
    uint64_t edges = words[w] ^ (words[w] << 1 | carry);
    carry = words[w] >> 63;
    int64_t *at = bounds + found, base = w * 64;
    if (flat) {
      int n = __builtin_popcountll(edges), i = 0;
      do
        for (int j = 0; j < 4; j++) { at[i++] = base + (int64_t)_tzcnt_u64(edges); edges = _blsr_u64(edges); }
      while (i < n);
      found += n;
    } else
      for (; edges; edges = _blsr_u64(edges)) bounds[found++] = base + (int64_t)_tzcnt_u64(edges);
  }
  if (carry) bounds[found++] = count * 64;
  return (flushed + found) / 2;
}

static int64_t extract_flat(const uint64_t *words, int64_t *bounds) { return extract(words, BITMAP_WORDS, bounds, 1); }
static int64_t extract_asking(const uint64_t *words, int64_t *bounds) { return extract(words, BITMAP_WORDS, bounds, 0); }

static int64_t drain(uint64_t *from, uint64_t *to, int64_t count) {
  int64_t taken = 0;
  for (int64_t w = 0; w < count; w++) {
    if (from[w] == 0) continue;
    uint64_t word = __atomic_exchange_n(&from[w], 0, __ATOMIC_SEQ_CST);
    __atomic_or_fetch(&to[w], word, __ATOMIC_SEQ_CST); // others may set bits there, too
    taken += __builtin_popcountll(word);
  }
  return taken;
}

static int64_t count_bits(const uint64_t *words, int64_t count) {
  int64_t bits = 0;
  for (int64_t w = 0; w < count; w++) bits += __builtin_popcountll(words[w]);
  return bits;
}

// per mille of dirty runs, each of LENGTH pages; the engine's bench makes the same bitmap from the same generator
static void fill(uint64_t *words, int64_t count, unsigned permille, int length) {
  uint64_t x = 0x9E3779B97F4A7C15;
  memset(words, 0, count * 8);
  for (int64_t page = 0; page < count * 64; page += length) {
    x ^= x << 13; x ^= x >> 7; x ^= x << 17;
    if (x % 1000 < permille)
      for (int i = 0; i < length; i++) words[(page + i) >> 6] |= 1ull << ((page + i) & 63);
  }
}

int main(int argc, char **argv) {
  if (argc != 3) { fprintf(stderr, "usage: kernels NAME MILLISECONDS\n"); return 2; }
  const char *name = argv[1];
  double limit = atof(argv[2]) * 1e6;
  static uint64_t words[BITMAP_WORDS], other[BITMAP_WORDS];
  static int64_t bounds[MAX_BOUNDS + 64];
  unsigned permille = 0;
  int length = 1;
  uint8_t *memory = NULL;
  size_t bytes = 0;
  if (!strcmp(name, "zero-dram")) memory = pages(bytes = 256u << 20);
  else if (!strcmp(name, "zero-cache")) memory = pages(bytes = 256u << 10);
  else if (sscanf(name, "runs-%ux%d", &permille, &length) == 2 || sscanf(name, "drain-%ux%d", &permille, &length) == 2 ||
           sscanf(name, "count-%ux%d", &permille, &length) == 2)
    fill(words, BITMAP_WORDS, permille, length);
  else { fprintf(stderr, "kernels: unknown name %s\n", name); return 2; }

  double best = 1e18;
  int64_t check = 0;
  for (int flat = 0; flat < (name[0] == 'r' ? 2 : 1); flat++) {
    double start = 0, spent = 0;
    int64_t calls = -3; // three to warm up
    volatile int64_t result = 0;
    while (spent < limit) {
      if (++calls == 0) start = now();
      if (memory) result = zero_check(memory, bytes);
      else if (name[0] == 'r') result = flat ? extract_flat(words, bounds) : extract_asking(words, bounds);
      else if (name[0] == 'c') result = count_bits(words, BITMAP_WORDS);
      else { result = drain(words, other, BITMAP_WORDS); result = drain(other, words, BITMAP_WORDS); }
      if (calls >= 0) spent = now() - start;
    }
    double units = memory ? bytes / PAGE : name[0] == 'd' ? 2 : 1;
    double each = spent / (calls + 1) / units;
    if (each < best) best = each;
    check = result;
  }
  printf("kernel=%s ns=%.4f check=%lld\n", name, best, (long long)check);
  return 0;
}
