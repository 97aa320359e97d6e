/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The only file with atomics. Each use names the letter of its pair in the
 * diagram of docs/ARCHITECTURE.md ("Who hands what to whom").
 *
 * The words live in memory that the kernel also writes, so these are the
 * compiler's generic built-ins on plain objects, not _Atomic types.
 */
#ifndef ZR_BARRIER_H
#define ZR_BARRIER_H

#include <stdint.h>

#define zr_load_acquire(p)     __atomic_load_n((p), __ATOMIC_ACQUIRE)
#define zr_store_release(p, v) __atomic_store_n((p), (v), __ATOMIC_RELEASE)
#define zr_load_relaxed(p)     __atomic_load_n((p), __ATOMIC_RELAXED)
#define zr_store_relaxed(p, v) __atomic_store_n((p), (v), __ATOMIC_RELAXED)
#define zr_add_release(p, v)   __atomic_fetch_add((p), (v), __ATOMIC_RELEASE)
#define zr_full_fence()        __atomic_thread_fence(__ATOMIC_SEQ_CST)

/* A counter with one writer and any number of readers: no locked instruction. */
#define zr_count(p, n)         zr_store_relaxed((p), *(p) + (n))
#define zr_count_release(p, n) zr_store_release((p), *(p) + (n))

/* A total that several threads read from the kernel: it never goes back. */
static inline void zr_raise_release(uint64_t *total, uint64_t value)
{
	uint64_t before = zr_load_relaxed(total);

	while (before < value && !__atomic_compare_exchange_n(total, &before, value, 1,
							      __ATOMIC_RELEASE, __ATOMIC_RELAXED))
		;
}

static inline void zr_cpu_relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__) || defined(__arm__)
	__asm__ __volatile__("yield" ::: "memory");
#else
	__asm__ __volatile__("" ::: "memory");
#endif
}

/*
 * Several words that one thread changes together and others read: the words
 * themselves are stored with release and loaded with acquire in between, so a
 * reader that sees a new word also sees the odd number and looks again.
 */
static inline void zr_seq_change(uint32_t *seq)
{
	__atomic_fetch_add(seq, 1, __ATOMIC_ACQ_REL);
}

static inline uint32_t zr_seq_read(const uint32_t *seq)
{
	uint32_t now;

	while ((now = zr_load_acquire(seq)) & 1)
		zr_cpu_relax();
	return now;
}

static inline int zr_seq_changed(const uint32_t *seq, uint32_t before)
{
	return zr_load_relaxed(seq) != before;
}

#endif
