/*
 * A wall clock that lies, for servers under test. Preloaded (LD_PRELOAD) into a program, it adds an offset to what
 * clock_gettime, gettimeofday and time say of the wall clock. The offset is read anew by each call, from a file of eight
 * bytes that the environment variable SPIKE_CLOCK names: nanoseconds, as this machine writes an int64_t. So it can be
 * stepped while the program runs. CLOCK_MONOTONIC and its like stay true. Without a file the clock is true.
 *
 * The Makefile builds bin/clock.so of it. Nothing of Spike itself is linked with it.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { BILLION = 1000000000 };

static _Atomic int64_t *offset;

__attribute__((constructor)) static void begin(void)
{
	const char *path = getenv("SPIKE_CLOCK");
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	if (fd < 0)
		return;
	void *at = mmap(NULL, sizeof(int64_t), PROT_READ, MAP_SHARED, fd, 0);
	if (at != MAP_FAILED)
		offset = at;
	close(fd);
}

static int told(clockid_t id, struct timespec *ts)
{
	int failed = (int)syscall(SYS_clock_gettime, id, ts);
	if (failed || !offset || (id != CLOCK_REALTIME && id != CLOCK_REALTIME_COARSE))
		return failed;
	int64_t ns = ts->tv_sec * (int64_t)BILLION + ts->tv_nsec + atomic_load_explicit(offset, memory_order_relaxed);
	ts->tv_sec = ns / BILLION;
	ts->tv_nsec = ns % BILLION;
	return 0;
}

int clock_gettime(clockid_t id, struct timespec *ts) { return told(id, ts); }

int gettimeofday(struct timeval *restrict tv, void *restrict zone)
{
	struct timespec ts;
	(void)zone;
	if (told(CLOCK_REALTIME, &ts))
		return -1;
	tv->tv_sec = ts.tv_sec;
	tv->tv_usec = ts.tv_nsec / 1000;
	return 0;
}

time_t time(time_t *now)
{
	struct timespec ts;
	if (told(CLOCK_REALTIME, &ts))
		return -1;
	if (now)
		*now = ts.tv_sec;
	return ts.tv_sec;
}
