/* stopctl.h 0.1.0: the stop flag of stopctl(1), for workers in C11 and in C++ (C++11 on).
 *
 * Licence: MIT OR Apache-2.0. The contract is stopctl-flag(7). Linux, gcc or clang.
 *
 *     #include "stopctl.h"
 *
 *     struct stopctl_flag stop;
 *     stopctl_from_env(&stop);
 *     while (!stopctl_is_set(&stop))
 *         one_piece_of_work();
 *
 * Header-only. It installs nothing; only stopctl_as_signal starts a thread, and only
 * stopctl_descriptor opens a descriptor that stays open. Without a supervisor the flag stays down.
 * All functions may be used by any number of threads at once.
 *
 * A program that waits for something else, too, does it in one call, with poll(2) for example:
 *
 *     struct pollfd both[2] = {{stopctl_descriptor(&stop), POLLIN, 0}, {socket, POLLIN, 0}};
 *     while (!(both[0].revents && stopctl_heard(&stop, both[0].fd)) && poll(both, 2, -1) > 0)
 *         if (both[1].revents)
 *             answer(socket);
 *
 * With -std=c11 (rather than gnu11) include it before every other header, or define
 * _DEFAULT_SOURCE for the whole file.
 *
 * If somebody truncates the file to nothing (only its owner and root can), a look, stopctl_is_set,
 * ends the process with SIGBUS. stopctl_wait and stopctl_get_request notice that and take it as a
 * stop. Once one of them has said stop, for whatever reason, a look is safe too.
 */
#ifndef STOPCTL_H
#define STOPCTL_H

#ifndef _DEFAULT_SOURCE
#define _DEFAULT_SOURCE 1
#endif

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#ifndef O_CLOEXEC
#error "include stopctl.h before every other header, or compile with -D_DEFAULT_SOURCE"
#endif

#ifdef __linux__
#include <sys/eventfd.h>
#include <sys/inotify.h>
#endif

/* STOPCTL_NO_FUTEX: sleeps of 50 ms instead, for systems without futex(2). */
#if defined(__linux__) && !defined(STOPCTL_NO_FUTEX)
#define STOPCTL_FUTEX_ 1
#include <linux/futex.h>
#include <sys/syscall.h>
#endif

#ifdef __cplusplus
extern "C" {
#endif

#define STOPCTL_SECOND_ INT64_C(1000000000)
/* FUTEX_OWNER_DIED: the kernel sets it when the thread that enforces the ladder dies. */
#define STOPCTL_OWNER_DIED_ UINT32_C(0x40000000)
/* The status of stopctl_leave: EX_TEMPFAIL of <sysexits.h>. */
#define STOPCTL_NOT_FINISHED 75

struct stopctl_flag {
    const uint32_t *word;  /* what a look loads: the flag's first word, or a constant */
    const uint32_t *flag;  /* the mapped file; null: not supervised */
    const uint32_t *owner; /* the owner word; null: cannot be read */
    const char *path;      /* of the file; null: not supervised, or no memory for it */
};

/* What a raised flag says. */
struct stopctl_request {
    char level;             /* '1' stop, '2' SIGTERM is being used, '3' SIGKILL is being used, '-'
                             * not known; others may come */
    char reason[17];        /* "user", "timeout", ...; "" if not known */
    uint64_t deadline;      /* when the next rung comes, ns of CLOCK_MONOTONIC; 0: none */
    uint64_t deadline_unix; /* the same in seconds since 1970; 0: none */
};

/* -- what follows up to "The interface" is private -- */

/* They have the same addresses in every source file of a program, so that a flag can be passed
 * around. */
static inline const uint32_t *stopctl_constant_(int raised)
{
    static const union {
        char text[4];
        uint32_t word;
    } words[2] = {{{'0', '\n', '\n', '\n'}}, {{'1', ' ', ' ', ' '}}};
    return &words[raised].word;
}

static inline int stopctl_is_down_(uint32_t word)
{
    char first;
    memcpy(&first, &word, 1); /* the level is the first byte in memory */
    return first == '0';
}

static inline int64_t stopctl_now_(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * STOPCTL_SECOND_ + time.tv_nsec;
}

#ifdef STOPCTL_FUTEX_
#ifdef SYS_futex
typedef long stopctl_time_;
#define STOPCTL_SYS_FUTEX_ SYS_futex
#else /* 32-bit machines that never had a 32-bit time */
typedef int64_t stopctl_time_;
#define STOPCTL_SYS_FUTEX_ SYS_futex_time64
#endif

/* FUTEX_WAIT, shared, because another process wakes us. It may also return for no reason. */
static inline void stopctl_futex_wait_(const uint32_t *word, uint32_t value, int64_t nanoseconds)
{
    const int before = errno;
    struct {
        stopctl_time_ seconds, nanoseconds;
    } time;
    time.seconds = (stopctl_time_)(nanoseconds / STOPCTL_SECOND_);
    time.nanoseconds = (stopctl_time_)(nanoseconds % STOPCTL_SECOND_);
    syscall(STOPCTL_SYS_FUTEX_, word, FUTEX_WAIT, value, &time, NULL, 0);
    errno = before;
}
#endif

/* Asks the kernel whether a mapped word has a value: 0, EAGAIN or EFAULT. Where a load of our own
 * would raise SIGBUS, the kernel answers EFAULT. It is a requeue that moves and wakes nobody. */
static inline int stopctl_compare_(const uint32_t *word, uint32_t value)
{
#ifdef STOPCTL_FUTEX_
    const int before = errno;
    const long none = 0;
    const int error =
        syscall(STOPCTL_SYS_FUTEX_, word, FUTEX_CMP_REQUEUE, 0, none, word, value) < 0 ? errno : 0;
    errno = before;
    return error;
#else
    return __atomic_load_n(word, __ATOMIC_ACQUIRE) == value ? 0 : EAGAIN;
#endif
}

/* A pipe that the programs we execute do not inherit. */
static inline int stopctl_pipe_(int ends[2])
{
#ifdef STOPCTL_FUTEX_
    return (int)syscall(SYS_pipe2, ends, O_CLOEXEC);
#else
    if (pipe(ends) != 0)
        return -1;
    fcntl(ends[0], F_SETFD, FD_CLOEXEC);
    fcntl(ends[1], F_SETFD, FD_CLOEXEC);
    return 0;
#endif
}

/* Makes the kernel copy the first bytes of a mapped file: 0 or an error. Where a load of our own
 * would raise SIGBUS, the kernel answers EFAULT. */
static inline int stopctl_copy_(const uint32_t *word, char *bytes, size_t length)
{
    const int before = errno;
    int ends[2], error = 0;

    if (stopctl_pipe_(ends) != 0) {
        error = errno;
    } else {
        if (write(ends[1], word, length) != (ssize_t)length
            || read(ends[0], bytes, length) != (ssize_t)length)
            error = EFAULT;
        close(ends[0]);
        close(ends[1]);
    }
    errno = before;
    return error;
}

static inline void stopctl_nanosleep_(int64_t nanoseconds)
{
    struct timespec time;
    int before = errno;
    time.tv_sec = (time_t)(nanoseconds / STOPCTL_SECOND_);
    time.tv_nsec = (long)(nanoseconds % STOPCTL_SECOND_);
    nanosleep(&time, NULL);
    errno = before;
}

static inline const uint32_t *stopctl_map_(const char *path, off_t least, int *error)
{
    struct stat status;
    void *page = MAP_FAILED;
    int fd;

    /* O_NONBLOCK: a FIFO of that name must not make us wait. */
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    *error = errno;
    if (fd < 0)
        return NULL;
    if (fstat(fd, &status) != 0) {
        *error = errno;
    } else if (!S_ISREG(status.st_mode) || status.st_size < least) {
        *error = EINVAL;
    } else {
        page = mmap(NULL, 64, PROT_READ, MAP_SHARED, fd, 0);
        *error = errno;
    }
    close(fd);
    return page == MAP_FAILED ? NULL : (const uint32_t *)page;
}

static inline uint64_t stopctl_number_(const char **text)
{
    uint64_t number = 0;
    const char *at = *text;
    for (; *at >= '0' && *at <= '9'; at++) {
        uint64_t digit = (uint64_t)(*at - '0');
        if (number > (UINT64_MAX - digit) / 10)
            break; /* too large to be a time */
        number = number * 10 + digit;
    }
    if (*at != ' ' && *at != '\0')
        number = 0;
    while (*at != ' ' && *at != '\0')
        at++;
    *text = *at == ' ' ? at + 1 : at;
    return number;
}

static inline void stopctl_parse_(const char *bytes, struct stopctl_request *request)
{
    char line[61];
    const char *at, *end;
    size_t length, good;

    memset(request, 0, sizeof *request);
    request->level = bytes[0];
    memcpy(line, bytes + 4, 60);
    line[60] = '\0';
    line[strcspn(line, "\n")] = '\0';
    end = line + strcspn(line, " ");
    length = (size_t)(end - line);
    good = strspn(line, "abcdefghijklmnopqrstuvwxyz0123456789-");
    if (good == length && length < sizeof request->reason && !(length == 1 && line[0] == '-'))
        memcpy(request->reason, line, length);
    at = *end == ' ' ? end + 1 : end;
    request->deadline = stopctl_number_(&at);
    request->deadline_unix = stopctl_number_(&at);
}

/* From now on every look says stop, whatever happens to the file and its owner. */
static inline void stopctl_latch_(struct stopctl_flag *stop)
{
    __atomic_store_n(&stop->word, stopctl_constant_(1), __ATOMIC_RELEASE);
}

/* When the owner dies, the kernel leaves only its mark, and the bit for waiters. */
static inline int stopctl_is_lost_(const struct stopctl_flag *stop)
{
    const uint32_t waited = UINT32_C(0x80000000);
    return stop->owner != NULL
        && (stopctl_compare_(stop->owner, STOPCTL_OWNER_DIED_ | waited) == 0
            || stopctl_compare_(stop->owner, STOPCTL_OWNER_DIED_) == 0);
}

/* Whether to stop, because of the flag, its file, or the owner word; from then on every look says so
 * too. If not, `word` is what the flag holds, for sleeping on it. Nothing here loads from a mapping:
 * the file may be truncated at any moment. */
static inline int stopctl_must_stop_(struct stopctl_flag *stop, uint32_t *word)
{
    int differs, error = 0;

    *word = *stopctl_constant_(0);
    if (stop->flag == NULL)
        return 0;
    if (__atomic_load_n(&stop->word, __ATOMIC_ACQUIRE) == stopctl_constant_(1))
        return 1;
    differs = stopctl_compare_(stop->flag, *word);
    if (differs != 0 && differs != EFAULT) {
        error = stopctl_copy_(stop->flag, (char *)word, sizeof *word);
        if (error != 0 && error != EFAULT) { /* no descriptor left */
            *word = __atomic_load_n(stop->flag, __ATOMIC_ACQUIRE);
            error = 0;
        }
    }
    if (differs == EFAULT || error != 0 || !stopctl_is_down_(*word) || stopctl_is_lost_(stop)) {
        stopctl_latch_(stop);
        return 1;
    }
    return 0;
}

/* Sleeps while the flag holds `word`, for at most a second: when the owner dies, the kernel wakes only
 * one of us. */
static inline void stopctl_sleep_(const struct stopctl_flag *stop, uint32_t word,
                                  int64_t nanoseconds)
{
    int64_t longest = STOPCTL_SECOND_;
#ifdef STOPCTL_FUTEX_
    if (stop->flag != NULL) {
        stopctl_futex_wait_(stop->flag, word, nanoseconds < longest ? nanoseconds : longest);
        return;
    }
#else
    (void)word;
    if (stop->flag != NULL)
        longest /= 20;
#endif
    stopctl_nanosleep_(nanoseconds < longest ? nanoseconds : longest);
}

static inline void stopctl_stay_down_(struct stopctl_flag *stop)
{
    stop->owner = stop->flag = NULL;
    stop->path = NULL;
    stop->word = stopctl_constant_(0);
}

/* Blocks all signals in the calling thread, and in those that it starts until it gives `before` back
 * to pthread_sigmask. In our threads none may be handled that the program has blocked in its own. */
static inline void stopctl_block_all_(sigset_t *before)
{
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, before);
}

/* -- The interface -- */

/* Opens the flag at `path`. Returns 0, or -1 with errno if it cannot be used: then `stop` is a flag
 * that stays down. It stays mapped until the process ends. */
static inline int stopctl_open(struct stopctl_flag *stop, const char *path)
{
    const char *slash = strrchr(path, '/');
    size_t length = slash == NULL ? 0 : (size_t)(slash - path) + 1;
    char *beside;
    int error = 0, unimportant;

    stopctl_stay_down_(stop);
    stop->flag = stopctl_map_(path, 1, &error);
    if (stop->flag == NULL) {
        errno = error;
        return -1;
    }
    stop->word = stop->flag;
    stop->path = strdup(path);
    beside = (char *)malloc(length + sizeof "owner");
    if (beside != NULL) {
        memcpy(beside, path, length);
        memcpy(beside + length, "owner", sizeof "owner");
        /* Its owner makes it whole again if somebody has truncated it. */
        stop->owner = stopctl_map_(beside, 0, &unimportant);
        free(beside);
    }
    return 0;
}

/* The flag that STOPCTL_FLAG names, which the first call opens and all later ones share. If the
 * variable is not set or is empty, it is a flag that stays down; also if what it names cannot be used,
 * with one line on standard error. */
static inline void stopctl_from_env(struct stopctl_flag *stop)
{
    static const struct stopctl_flag *opened;
    static int warned;
    const struct stopctl_flag *ours = __atomic_load_n(&opened, __ATOMIC_ACQUIRE);
    struct stopctl_flag *kept;
    const char *path = getenv("STOPCTL_FLAG");

    stopctl_stay_down_(stop);
    if (path == NULL || *path == '\0')
        return;
    if (ours != NULL && strcmp(ours->path, path) == 0) {
        *stop = *ours;
        return;
    }
    if (stopctl_open(stop, path) != 0) {
        if (__atomic_exchange_n(&warned, 1, __ATOMIC_RELAXED) == 0)
            fprintf(stderr, "stopctl: the flag %.200s cannot be used (%s); running unsupervised\n",
                    path, errno == EINVAL ? "it is not a file with text" : strerror(errno));
        return;
    }
    kept = stop->path == NULL ? NULL : (struct stopctl_flag *)malloc(sizeof *kept);
    if (kept != NULL) {
        *kept = *stop;
        __atomic_store_n(&opened, kept, __ATOMIC_RELEASE);
    }
}

/* Whether a supervisor gave us this flag. */
static inline int stopctl_is_supervised(const struct stopctl_flag *stop)
{
    return stop->flag != NULL;
}

/* A look: whether to stop. One load of the flag, and nothing else. */
static inline int stopctl_is_set(const struct stopctl_flag *stop)
{
    const uint32_t *word = __atomic_load_n(&stop->word, __ATOMIC_RELAXED);
    return !stopctl_is_down_(__atomic_load_n(word, __ATOMIC_ACQUIRE));
}

/* Sleeps until the worker should stop, because the flag was raised or the supervisor died (1), or for
 * this many milliseconds (0); a negative number means no limit. A signal handler does not end the
 * sleep. */
static inline int stopctl_wait(struct stopctl_flag *stop, int64_t milliseconds)
{
    const int64_t per = 1000000;
    const int64_t longest = INT64_MAX / 4 / per;
    const int64_t start = stopctl_now_();
    const int64_t time = (milliseconds > longest ? longest : milliseconds) * per;
    uint32_t word;
    for (;;) {
        int64_t left = milliseconds < 0 ? STOPCTL_SECOND_ : time - (stopctl_now_() - start);
        if (stopctl_must_stop_(stop, &word))
            return 1;
        if (left <= 0)
            return 0;
        stopctl_sleep_(stop, word, left);
    }
}

#ifdef __linux__
/* A descriptor that becomes readable when the worker should stop, for select(2), poll(2), epoll(7) and
 * what is built on them; -1 with errno if there is none. It may become readable for another reason, so
 * ask stopctl_heard then. Without a supervisor it never does. Close it when it is not needed any more.
 *
 * It is an inotify(7) instance, of which a user may have 128 (fs.inotify.max_user_instances). It
 * watches the flag, which is written when it is raised, and which the supervisor keeps open for
 * writing until it dies. */
static inline int stopctl_descriptor(struct stopctl_flag *stop)
{
    const int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    uint32_t word;
    int error = ENOMEM;

    if (fd < 0 || stop->flag == NULL)
        return fd;
    if (stop->path == NULL || inotify_add_watch(fd, stop->path, IN_MODIFY | IN_CLOSE_WRITE) < 0) {
        if (stop->path != NULL)
            error = errno;
        close(fd);
        errno = error;
        return -1;
    }
    /* What happened before there was a watch. */
    if (stopctl_must_stop_(stop, &word)) {
        close(fd);
        return eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
    }
    return fd;
}

/* What a descriptor that is readable means: whether the worker should stop. If not, it is not readable
 * any more. */
static inline int stopctl_heard(struct stopctl_flag *stop, int descriptor)
{
    const int before = errno;
    char events[512];
    uint32_t word;

    if (stopctl_must_stop_(stop, &word))
        return 1;
    while (read(descriptor, events, sizeof events) > 0)
        continue;
    errno = before;
    return stopctl_must_stop_(stop, &word);
}
#endif

/* Private: the thread of stopctl_as_signal, and what it is given. */
struct stopctl_signal_ {
    struct stopctl_flag stop;
    int number;
};

static inline void *stopctl_signal_thread_(void *given)
{
    struct stopctl_signal_ *task = (struct stopctl_signal_ *)given;
    stopctl_wait(&task->stop, -1);
    kill(getpid(), task->number);
    return NULL;
}

/* Sends this process a signal, once, when the worker should stop: for a program that already ends well
 * by SIGTERM, for example. A thread sleeps until then (link with -pthread before glibc 2.34); without a
 * supervisor there is none. Returns 0, or -1 with errno; then another call tries again. */
static inline int stopctl_as_signal(const struct stopctl_flag *stop, int number)
{
    struct stopctl_signal_ *task;
    pthread_t thread;
    sigset_t before;
    int error;

    if (sigemptyset(&before) != 0 || sigaddset(&before, number) != 0)
        return -1; /* there is no such signal */
    if (stop->flag == NULL)
        return 0;
    task = (struct stopctl_signal_ *)malloc(sizeof *task);
    if (task == NULL)
        return -1;
    task->stop = *stop;
    task->number = number;
    stopctl_block_all_(&before);
    error = pthread_create(&thread, NULL, stopctl_signal_thread_, task);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error != 0) {
        free(task);
        errno = error;
        return -1;
    }
    pthread_detach(thread);
    return 0;
}

/* Ends the process, by exit(3), when it was asked to stop and has work left. */
__attribute__((noreturn)) static inline void stopctl_leave(void)
{
    exit(STOPCTL_NOT_FINISHED);
}

/* Whether the worker should stop, and if so what the flag says. If the supervisor died without raising
 * the flag, that is a request with the reason "lost". */
static inline int stopctl_get_request(struct stopctl_flag *stop, struct stopctl_request *request)
{
    char bytes[64], again[64];
    uint32_t word;
    int copies;

    if (!stopctl_must_stop_(stop, &word))
        return 0;
    memset(request, 0, sizeof *request);
    request->level = '-'; /* cut to nothing, or no descriptor left: nothing is known */
    if (stopctl_copy_(stop->flag, bytes, sizeof bytes) != 0)
        return 1;
    if (bytes[0] == '0') {
        request->level = '1'; /* down all the same: nobody is left to raise it */
        memcpy(request->reason, "lost", sizeof "lost");
        return 1;
    }
    /* The owner may be writing it again, so copy until two copies agree. */
    for (copies = 1; copies < 8; copies++) {
        if (stopctl_copy_(stop->flag, again, sizeof again) != 0)
            return 1;
        if (memcmp(bytes, again, sizeof bytes) == 0)
            break;
        memcpy(bytes, again, sizeof bytes);
    }
    stopctl_parse_(bytes, request);
    return 1;
}

#ifdef __cplusplus
}
#endif

#endif
