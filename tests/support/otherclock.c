/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * otherclock.c: a library to preload, under which the clock stands at another time: to show that a verdict does not
 * depend on it.
 */
#include <sys/time.h>
#include <time.h>

/* 2037-01-01: later than every signature's expiry in the tests. */
#define OTHER_TIME 2114380800

time_t time(time_t *now_out);
int gettimeofday(struct timeval *restrict now_out, void *restrict zone);
int clock_gettime(clockid_t clock, struct timespec *now_out);

time_t time(time_t *now_out)
{
    if (now_out != NULL)
        *now_out = OTHER_TIME;
    return OTHER_TIME;
}

int gettimeofday(struct timeval *restrict now_out, void *restrict zone)
{
    (void)zone;
    *now_out = (struct timeval){ .tv_sec = OTHER_TIME };
    return 0;
}

int clock_gettime(clockid_t clock, struct timespec *now_out)
{
    (void)clock;
    *now_out = (struct timespec){ .tv_sec = OTHER_TIME };
    return 0;
}
