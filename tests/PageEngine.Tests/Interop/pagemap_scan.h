/*
 * What a C program must know to call PAGEMAP_SCAN and to ask for asynchronous write protection, written down from the
 * kernel's documents for systems whose own headers are older than Linux 6.7:
 *   Documentation/admin-guide/mm/pagemap.rst    the ioctl, its argument, the categories and flags
 *   Documentation/admin-guide/mm/userfaultfd.rst  the features WP_UNPOPULATED and WP_ASYNC
 * Facts only: names, numbers, order and width of fields. Where the system's headers have them, those are used.
 */
#include <stdint.h>
#include <sys/ioctl.h>

#ifndef UFFD_FEATURE_WP_UNPOPULATED
#define UFFD_FEATURE_WP_UNPOPULATED (1 << 13)
#endif
#ifndef UFFD_FEATURE_WP_ASYNC
#define UFFD_FEATURE_WP_ASYNC (1 << 15)
#endif

#ifndef PAGEMAP_SCAN
struct page_region {
    uint64_t start, end;                  /* the run of pages, end exclusive */
    uint64_t categories;                  /* PAGE_IS_* */
};
struct pm_scan_arg {
    uint64_t size, flags;                 /* sizeof this, PM_SCAN_* */
    uint64_t start, end, walk_end;        /* what to walk; how far the kernel came */
    uint64_t vec, vec_len;                /* where to put page_region entries */
    uint64_t max_pages;
    uint64_t category_inverted, category_mask, category_anyof_mask, return_mask;
};
#define PAGEMAP_SCAN _IOWR('f', 16, struct pm_scan_arg)

enum {
    PAGE_IS_WRITTEN = 1 << 1,
    PAGE_IS_PRESENT = 1 << 3,
    PAGE_IS_SWAPPED = 1 << 4,
    PAGE_IS_PFNZERO = 1 << 5,
};
enum {
    PM_SCAN_WP_MATCHING = 1 << 0,
    PM_SCAN_CHECK_WPASYNC = 1 << 1,
};
#endif
