/* A malloc and a memcpy that see which buffers come to hold given contents.
 *
 * Preloaded before libc. ORACLE_WORLD chooses where large blocks lie:
 *   aligned   malloc, calloc and realloc of 4 KiB or more: at a multiple of 64;
 *   mmapped   64 KiB or more: at 16 mod 4096, where glibc puts a fresh big array;
 *             4 KiB or more: at 16 mod 64, so that smaller arrays are misaligned, too.
 * Blocks that are asked for with an alignment (TensorFlow's own) keep it.
 *
 * While a watch is open, every allocation of a needle's size is logged, and its
 * content compared with the needles: after a memcpy into it, since an operation may
 * overwrite it later; before it is freed; and at the end, for what still lives.
 * NumPy casts and strided copies without memcpy, which is why the first is not enough.
 *
 * Nothing here allocates. The libc's own entry points are called by their second
 * names, so that no lookup can recurse.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <malloc.h>
#include <sched.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define LARGE ((size_t)64 << 10)
#define MEDIUM ((size_t)4 << 10)
#define ALIGNMENT 64
#define PAGE 4096
#define MMAP_HEADER 16     /* of glibc, before a block that it mapped */
#define MOST_RETRIES (1 << 14)
#define LARGEST_OFFSET 127 /* a Python bytes object has a header before its data */
#define SLACK 4096         /* what a block of a copy may have beside it */
#define POISON 0xA5        /* in new blocks: what was freed there is no copy */
#define SMALLEST_COPY 256  /* shorter memcpys are not looked at */
#define NEEDLES 4096
#define LOG 65536

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);
extern void __libc_free(void *);

typedef struct {
    const unsigned char *data;
    size_t length;
} needle;

typedef struct {
    unsigned char *address;
    size_t size;
    size_t written; /* bytes that memcpy put into it so far */
    int32_t needle; /* which needle it held, -1 for none */
    int32_t freed;
} block;

static needle needles[NEEDLES];
static int needle_count;
static size_t shortest, longest;

static block blocks[LOG];
static int block_count;
static int live[LOG]; /* indices of the blocks that are not freed yet */
static int live_count;
static int lost; /* allocations that the log had no room for */

static atomic_bool watching;
static atomic_flag lock = ATOMIC_FLAG_INIT;
static enum { AS_LIBC, ALIGNED, MMAPPED } world;
static void *(*real_memcpy)(void *, const void *, size_t);
static void *(*real_memmove)(void *, const void *, size_t);

static void acquire(void) {
    while (atomic_flag_test_and_set_explicit(&lock, memory_order_acquire)) sched_yield();
}

static void release(void) { atomic_flag_clear_explicit(&lock, memory_order_release); }

static int is_watching(void) { return atomic_load_explicit(&watching, memory_order_acquire); }

__attribute__((constructor)) static void start(void) {
    const char *asked = getenv("ORACLE_WORLD");
    if (asked && !strcmp(asked, "aligned")) world = ALIGNED;
    if (asked && !strcmp(asked, "mmapped")) world = MMAPPED;
    if (world == MMAPPED) mallopt(M_MMAP_THRESHOLD, LARGE);
    real_memcpy = dlsym(RTLD_NEXT, "memcpy");
    real_memmove = dlsym(RTLD_NEXT, "memmove");
}

/* ---- contents ------------------------------------------------------------------- */

/* A container that grows by doubling has up to that much to spare. */
static int fits(const needle *wanted, size_t size) {
    return size >= wanted->length && size <= 2 * wanted->length + SLACK;
}

static int fits_any(size_t size) {
    if (size < shortest || size > 2 * longest + SLACK) return 0;
    for (int i = 0; i < needle_count; i++)
        if (fits(&needles[i], size)) return 1;
    return 0;
}

static int untouched(const unsigned char *from, const unsigned char *end) {
    while (from < end && *from == POISON) from++;
    return from == end;
}

/* Much room after the content is spare only if nothing was written there to the end. */
static int is_spare(const block *held, const unsigned char *from, int to_the_end) {
    const unsigned char *end = held->address + held->size;
    return end - from <= SLACK || (to_the_end && untouched(from, end));
}

static int holds(const block *held, const needle *wanted, int to_the_end) {
    size_t last = held->size - wanted->length;
    if (last > LARGEST_OFFSET) last = LARGEST_OFFSET;
    for (size_t offset = 0; offset <= last; offset++) {
        const unsigned char *at = held->address + offset;
        if (!memcmp(at, wanted->data, wanted->length))
            return is_spare(held, at + wanted->length, to_the_end);
    }
    return 0;
}

/* The first needle wins: they are ordered by preference. */
static void compare(block *held, int to_the_end) {
    for (int i = 0; held->needle < 0 && i < needle_count; i++)
        if (fits(&needles[i], held->size) && holds(held, &needles[i], to_the_end))
            held->needle = i;
}

/* ---- the log; its functions run under the lock ------------------------------------ */

static int position(const void *address) { /* in `live`, of the block that starts here */
    for (int i = live_count - 1; i >= 0; i--)
        if (blocks[live[i]].address == address) return i;
    return -1;
}

static int bury(int at) {
    int index = live[at];
    live[at] = live[--live_count];
    return index;
}

static void add(void *address, size_t size) {
    if (block_count == LOG) {
        lost++;
        return;
    }
    blocks[block_count] = (block){.address = address, .size = size, .needle = -1};
    live[live_count++] = block_count++;
}

static void *logged(void *address, size_t size) {
    acquire();
    if (is_watching()) add(address, size);
    release();
    return address;
}

static int is_wanted(const void *address, size_t size) {
    return address && is_watching() && fits_any(size);
}

static void *allocated(void *address, size_t size) {
    if (!is_wanted(address, size)) return address;
    memset(address, POISON, size);
    return logged(address, size);
}

/* Compares a block that ends, and gives its index; -1 if it is not in the log. */
static int ended(void *address) {
    int index = -1;
    acquire();
    int at = is_watching() ? position(address) : -1;
    if (at >= 0) {
        index = bury(at);
        compare(&blocks[index], 1);
        blocks[index].freed = 1;
    }
    release();
    return index;
}

static void moved(int index, unsigned char *address, size_t size) {
    acquire();
    if (is_watching()) {
        size_t before = blocks[index].size;
        if (size > before) memset(address + before, POISON, size - before);
        blocks[index].address = address;
        blocks[index].size = size;
        blocks[index].freed = 0;
        live[live_count++] = index;
    }
    release();
}

static void written(unsigned char *to, size_t length) {
    acquire();
    for (int i = 0; is_watching() && i < live_count; i++) {
        block *held = &blocks[live[i]];
        if (to < held->address || to >= held->address + held->size) continue;
        held->written += length;
        if (held->written >= shortest) compare(held, 0);
        break;
    }
    release();
}

/* ---- what libc offers ------------------------------------------------------------- */

static int in_place(const void *address, size_t size) {
    if (size < MEDIUM || !address || world == AS_LIBC) return 1;
    if (world == ALIGNED) return (uintptr_t)address % ALIGNMENT == 0;
    return (uintptr_t)address % (size < LARGE ? ALIGNMENT : PAGE) == MMAP_HEADER;
}

/* glibc takes a block from its heap where a hole is left: fill holes until one fits. */
static void *misaligned(size_t size) {
    void **held = NULL;
    void *address = __libc_malloc(size);
    for (int i = 1; !in_place(address, size) && i < MOST_RETRIES; i++) {
        *(void **)address = held;
        held = address;
        address = __libc_malloc(size + i % 4 * MMAP_HEADER); /* the next one lies elsewhere */
    }
    while (held) {
        void *next = *held;
        __libc_free(held);
        held = next;
    }
    return address;
}

static void *placed(size_t size) {
    if (size < MEDIUM || world == AS_LIBC) return __libc_malloc(size);
    return world == ALIGNED ? __libc_memalign(ALIGNMENT, size) : misaligned(size);
}

void *malloc(size_t size) { return allocated(placed(size), size); }

void *calloc(size_t count, size_t each) {
    size_t size;
    if (__builtin_mul_overflow(count, each, &size)) {
        errno = ENOMEM;
        return NULL;
    }
    void *address = __libc_calloc(count, each);
    if (!in_place(address, size)) {
        __libc_free(address);
        address = placed(size);
        if (address) memset(address, 0, size);
    }
    return is_wanted(address, size) ? logged(address, size) : address;
}

static void *reallocated(void *address, size_t size) {
    void *now = __libc_realloc(address, size);
    if (in_place(now, size)) return now;
    void *better = placed(size);
    if (!better) return now;
    real_memcpy(better, now, size);
    __libc_free(now);
    return better;
}

/* A block that grows or shrinks stays one block, counted once. */
void *realloc(void *address, size_t size) {
    if (!address) return malloc(size);
    int index = is_watching() ? ended(address) : -1;
    size_t before = index >= 0 ? blocks[index].size : 0;
    void *now = reallocated(address, size);
    if (index < 0) return is_wanted(now, size) ? logged(now, size) : now;
    if (now && fits_any(size)) moved(index, now, size);
    if (!now && size) moved(index, address, before);
    return now;
}

void *reallocarray(void *address, size_t count, size_t each) {
    size_t size;
    if (__builtin_mul_overflow(count, each, &size)) {
        errno = ENOMEM;
        return NULL;
    }
    return realloc(address, size);
}

void free(void *address) {
    if (address && is_watching()) ended(address);
    __libc_free(address);
}

void *memalign(size_t alignment, size_t size) {
    return allocated(__libc_memalign(alignment, size), size);
}

void *aligned_alloc(size_t alignment, size_t size) { return memalign(alignment, size); }

int posix_memalign(void **result, size_t alignment, size_t size) {
    if (alignment % sizeof(void *) || !alignment || (alignment & (alignment - 1))) return EINVAL;
    void *address = memalign(alignment, size);
    if (!address) return ENOMEM;
    *result = address;
    return 0;
}

/* Before the constructor ran there is no other memcpy to call. */
static void by_bytes(unsigned char *to, const unsigned char *from, size_t length) {
    if (to <= from)
        for (size_t i = 0; i < length; i++) to[i] = from[i];
    else
        while (length--) to[length] = from[length];
}

void *memcpy(void *restrict to, const void *restrict from, size_t length) {
    if (real_memcpy) real_memcpy(to, from, length);
    else by_bytes(to, from, length);
    if (length >= SMALLEST_COPY && is_watching()) written(to, length);
    return to;
}

void *memmove(void *to, const void *from, size_t length) {
    if (real_memmove) real_memmove(to, from, length);
    else by_bytes(to, from, length);
    if (length >= SMALLEST_COPY && is_watching()) written(to, length);
    return to;
}

void *__memcpy_chk(void *to, const void *from, size_t length, size_t room) {
    if (length > room) abort();
    return memcpy(to, from, length);
}

void *__memmove_chk(void *to, const void *from, size_t length, size_t room) {
    if (length > room) abort();
    return memmove(to, from, length);
}

/* ---- what Python calls -------------------------------------------------------------- */

void oracle_begin(const needle *wanted, int count) {
    acquire();
    needle_count = count < NEEDLES ? count : NEEDLES;
    shortest = SIZE_MAX;
    longest = 0;
    for (int i = 0; i < needle_count; i++) {
        needles[i] = wanted[i];
        if (wanted[i].length < shortest) shortest = wanted[i].length;
        if (wanted[i].length > longest) longest = wanted[i].length;
    }
    block_count = live_count = lost = 0;
    atomic_store(&watching, needle_count > 0);
    release();
}

/* Ends the watch; gives the number of blocks in the log. */
int oracle_end(void) {
    acquire();
    atomic_store(&watching, 0);
    for (int i = 0; i < live_count; i++) compare(&blocks[live[i]], 1);
    release();
    return block_count;
}

const block *oracle_blocks(void) { return blocks; }

int oracle_lost(void) { return lost; }
