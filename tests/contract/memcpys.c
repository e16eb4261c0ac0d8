/* Counts the memory copies that carry given contents, wherever in them.
 *
 * Preloaded before libc, it sees each call of memcpy and memmove that goes through the dynamic
 * linker, and compares every byte. Nothing here allocates.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define NEEDLES 8

typedef void *(*copier)(void *, const void *, size_t);

static const unsigned char *needles[NEEDLES];
static size_t lengths[NEEDLES];
static atomic_long counts[NEEDLES];
static atomic_int needle_count;
static copier real;

__attribute__((constructor)) static void start(void) {
    real = (copier)dlsym(RTLD_NEXT, "memmove");
}

/* Before the constructor ran there is no other function to call. */
static void by_bytes(unsigned char *to, const unsigned char *from, size_t length) {
    if (to <= from)
        for (size_t i = 0; i < length; i++) to[i] = from[i];
    else
        while (length--) to[length] = from[length];
}

static void look(int needle, const unsigned char *from, size_t length) {
    const unsigned char *end = from + length;
    while ((size_t)(end - from) >= lengths[needle]) {
        from = memmem(from, (size_t)(end - from), needles[needle], lengths[needle]);
        if (!from) break;
        counts[needle]++;
        from += lengths[needle];
    }
}

static void *copied(void *to, const void *from, size_t length) {
    for (int i = 0; i < needle_count; i++)
        if (length >= lengths[i]) look(i, from, length);
    if (real) real(to, from, length);
    else by_bytes(to, from, length);
    return to;
}

void *memcpy(void *restrict to, const void *restrict from, size_t length) {
    return copied(to, from, length);
}

void *memmove(void *to, const void *from, size_t length) { return copied(to, from, length); }

void *__memcpy_chk(void *to, const void *from, size_t length, size_t room) {
    if (length > room) abort();
    return copied(to, from, length);
}

void *__memmove_chk(void *to, const void *from, size_t length, size_t room) {
    if (length > room) abort();
    return copied(to, from, length);
}

/* What Python calls. */

void memcpys_begin(const unsigned char **contents, const size_t *sizes, int count) {
    for (int i = 0; i < count; i++) {
        needles[i] = contents[i];
        lengths[i] = sizes[i];
        counts[i] = 0;
    }
    needle_count = count;
}

void memcpys_end(void) { needle_count = 0; }

long memcpys_of(int needle) { return counts[needle]; }
