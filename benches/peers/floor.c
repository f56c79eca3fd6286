/*
 * The floor: a supervisor that does just the job, and the workers of all measurements.
 *
 *   floor run COMMAND...      vfork, exec, wait: the least that wrapping a command can cost
 *   floor serve N COMMAND...  N workers with a futex word each; SIGTERM raises them all
 *   floor group N COMMAND...  N workers that are not asked: for whoever signals their group
 *   floor stop PID            SIGTERM, and wait until it has ended: the least stop command
 *   floor worker              a worker: sleeps on its word, leaves when it is raised
 *   floor plain               a worker that dies of SIGTERM
 *   floor brief               a worker that ends by itself
 *
 * A worker writes records of 16 bytes to its standard output: a letter (r in main, a awake, e about
 * to end) and its pid, and the time on CLOCK_MONOTONIC in nanoseconds.
 *
 * Built static: gcc -O2 -static floor.c -o floor
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { SLOT = 64 };              /* a cache line for each word */

static void fail(const char *what)
{
    perror(what);
    exit(125);
}

static void tell(char what)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    struct { int32_t what, pid; uint64_t at; } record = {
        what, getpid(), (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec};
    if (write(1, &record, sizeof record) != sizeof record)
        _exit(1);
}

static pid_t start(char **command)
{
    pid_t pid = vfork();
    if (pid < 0)
        fail("vfork");
    if (pid == 0) {
        sigset_t none;
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        execvp(command[0], command);
        _exit(127);
    }
    return pid;
}

static int run(char **command)
{
    int status;
    start(command);
    while (wait(&status) < 0)
        ;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void wake(uint32_t *word)
{
    __atomic_store_n(word, 1, __ATOMIC_RELEASE);
    syscall(SYS_futex, word, FUTEX_WAKE, INT32_MAX, NULL, NULL, 0);
}

static int serve(long workers, char **command)
{
    char path[64], slot[24];
    snprintf(path, sizeof path, "/dev/shm/floor-%d", getpid());
    int file = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    size_t length = (size_t)workers * SLOT;
    if (file < 0 || ftruncate(file, (off_t)length))
        fail(path);
    char *words = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (words == MAP_FAILED)
        fail("mmap");
    sigset_t awaited;
    sigemptyset(&awaited);
    sigaddset(&awaited, SIGTERM);
    sigaddset(&awaited, SIGCHLD);
    sigprocmask(SIG_BLOCK, &awaited, NULL);
    setenv("FLOOR_WORDS", path, 1);
    for (long i = 0; i < workers; i++) {
        snprintf(slot, sizeof slot, "%ld", i);
        setenv("FLOOR_SLOT", slot, 1);
        start(command);
    }
    for (long left = workers; left > 0;) {
        int signal;
        sigwait(&awaited, &signal);
        if (signal == SIGTERM)
            for (long i = 0; i < workers; i++)
                wake((uint32_t *)(words + i * SLOT));
        while (waitpid(-1, NULL, WNOHANG) > 0)
            left--;
    }
    unlink(path);
    return 0;
}

static int group(long workers, char **command)
{
    for (long i = 0; i < workers; i++)
        start(command);
    while (wait(NULL) > 0)
        ;
    return 0;
}

static int stop(pid_t pid)
{
    struct pollfd end = {.fd = (int)syscall(SYS_pidfd_open, pid, 0), .events = POLLIN};
    if (end.fd < 0 || kill(pid, SIGTERM))
        fail("stop");
    return poll(&end, 1, -1) == 1 ? 0 : 1;
}

/* The word of a floor, or the flag of stopctl: both are down while they hold what they held. */
static uint32_t *word(void)
{
    const char *path = getenv("STOPCTL_FLAG"), *slot = "0";
    if (!path) {
        path = getenv("FLOOR_WORDS");
        slot = getenv("FLOOR_SLOT");
    }
    int file = path && slot ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    size_t offset = slot ? strtoul(slot, NULL, 10) * SLOT : 0;
    char *words = mmap(NULL, offset + SLOT, PROT_READ, MAP_SHARED, file, 0);
    if (words == MAP_FAILED)
        fail("no word");
    close(file);
    return (uint32_t *)(words + offset);
}

static int worker(void)
{
    uint32_t *mine = word(), down = __atomic_load_n(mine, __ATOMIC_ACQUIRE);
    tell('r');
    while (__atomic_load_n(mine, __ATOMIC_ACQUIRE) == down)
        syscall(SYS_futex, mine, FUTEX_WAIT, down, NULL, NULL, 0);
    tell('a');
    return 0;
}

int main(int count, char **words)
{
    const char *what = count > 1 ? words[1] : "";
    if (!strcmp(what, "run") && count > 2)
        return run(words + 2);
    if (!strcmp(what, "serve") && count > 3)
        return serve(atol(words[2]), words + 3);
    if (!strcmp(what, "group") && count > 3)
        return group(atol(words[2]), words + 3);
    if (!strcmp(what, "stop") && count > 2)
        return stop(atoi(words[2]));
    if (!strcmp(what, "worker"))
        return worker();
    if (!strcmp(what, "plain")) {
        tell('r');
        pause();
    }
    if (!strcmp(what, "brief"))
        tell('e');
    return 0;
}
