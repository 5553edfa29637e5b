/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sort.c: heap sort in place. The greatest item is at the top of a heap; it goes to the end, and the rest is made a
 * heap again.
 */
#include "policy/sort.h"

struct heap {
    unsigned char *items;
    size_t size;
    int (*compare)(const void *a, const void *b);
};

static void swap(const struct heap *heap, size_t a, size_t b)
{
    unsigned char *one = heap->items + a * heap->size, *other = heap->items + b * heap->size;
    for (size_t i = 0; i < heap->size; i++) {
        unsigned char byte = one[i];
        one[i] = other[i];
        other[i] = byte;
    }
}

static int compare(const struct heap *heap, size_t a, size_t b)
{
    return heap->compare(heap->items + a * heap->size, heap->items + b * heap->size);
}

/* Brings the item at `top` down to where nothing below it, of the first `count`, is greater. */
static void sink(const struct heap *heap, size_t top, size_t count)
{
    for (size_t child; (child = 2 * top + 1) < count; top = child) {
        if (child + 1 < count && compare(heap, child, child + 1) < 0)
            child++;
        if (compare(heap, top, child) >= 0)
            return;
        swap(heap, top, child);
    }
}

void sort_items(void *items, size_t count, size_t size, int (*order)(const void *a, const void *b))
{
    struct heap heap = { items, size, order };
    for (size_t i = count / 2; i > 0; i--)
        sink(&heap, i - 1, count);
    for (size_t end = count; end > 1; end--) {
        swap(&heap, 0, end - 1);
        sink(&heap, 0, end - 1);
    }
}
