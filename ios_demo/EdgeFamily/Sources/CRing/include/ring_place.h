#ifndef RING_PLACE_H
#define RING_PLACE_H

#include <stdatomic.h>
#include <stdint.h>

/// A place in a ring that one thread moves and another one reads. Swift has atomics of its own only from iOS 18 on.
typedef struct { _Atomic(int64_t) value; } ring_place;

static inline int64_t ring_place_get(ring_place *place) {
    return atomic_load_explicit(&place->value, memory_order_acquire);
}

static inline void ring_place_set(ring_place *place, int64_t value) {
    atomic_store_explicit(&place->value, value, memory_order_release);
}

#endif
