//! Code that is loaded into the program before its own, where something has to be done to it from
//! within.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use super::base::Base;

/// What every such library begins with: it finds the function that it stands before, and acts in
/// the process that loaded it alone, not in its forks and workers.
const HEAD: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static pid_t us;

__attribute__((constructor)) static void only_here(void)
{
    us = getpid();
    unsetenv("LD_PRELOAD");
}
"#;

/// Builds a library that has the program do this in C whenever it is about to wait, before it does.
pub(crate) fn before_each_wait(base: &Base, act: &str) -> PathBuf {
    let code = format!(
        "int ppoll(struct pollfd *fds, nfds_t n, const struct timespec *timeout, const sigset_t *mask)
{{
    int (*next)(struct pollfd *, nfds_t, const struct timespec *, const sigset_t *);
    if (getpid() == us) {{ {act} }}
    *(void **)&next = dlsym(RTLD_NEXT, \"ppoll\");
    return next(fds, n, timeout, mask);
}}
"
    );
    built(base, &code)
}

/// The same before it looks for any child that has ended; `next` is the look itself.
pub(crate) fn before_each_look_for_the_dead(base: &Base, act: &str) -> PathBuf {
    built(
        base,
        &format!(
            "
int waitid(idtype_t kind, id_t id, siginfo_t *info, int what)
{{
    int (*next)(idtype_t, id_t, siginfo_t *, int);
    *(void **)&next = dlsym(RTLD_NEXT, \"waitid\");
    if (getpid() == us && kind == P_ALL && what & WEXITED) {{ {act} }}
    return next(kind, id, info, what);
}}
"
        ),
    )
}

/// Builds one that has a thread which blocks no signal, and does nothing.
pub(crate) fn with_a_thread(base: &Base) -> PathBuf {
    built(
        base,
        "
#include <pthread.h>

static void *idle(void *unused)
{
    sigset_t none;
    sigemptyset(&none);
    pthread_sigmask(SIG_SETMASK, &none, 0);
    for (;;) pause();
    return unused;
}

__attribute__((constructor)) static void begin(void)
{
    pthread_t thread;
    pthread_create(&thread, 0, idle, 0);
}
",
    )
}

/// Builds a library that holds up the workers with these digits at their exec, as a file system does
/// that does not answer: each writes its pid into the file `held`, and waits until somebody opens the
/// FIFO `gate` for writing.
pub(crate) fn before_exec_of(base: &Base, workers: &str) -> PathBuf {
    let (held, gate) = (base.file("held"), base.file("gate"));
    let (held, gate) = (held.display(), gate.display());
    let code = format!(
        "int execve(const char *file, char *const argv[], char *const envp[])
{{
    int (*next)(const char *, char *const *, char *const *);
    *(void **)&next = dlsym(RTLD_NEXT, \"execve\");
    for (char *const *entry = envp; getpid() != us && *entry; entry++) {{
        if (strncmp(*entry, \"STOPCTL_WORKER=\", 15) || !strstr(\"{workers}\", *entry + 15)) continue;
        dprintf(open(\"{held}\", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600), \"%d\\n\", getpid());
        close(open(\"{gate}\", O_RDONLY));
    }}
    return next(file, argv, envp);
}}
"
    );
    built(base, &code)
}

/// Builds a library that puts the program's clock of the day so many seconds back once it has
/// looked at it so often.
pub(crate) fn clock_put_back(base: &Base, seconds: i64, looks: u32) -> PathBuf {
    let code = format!(
        "int clock_gettime(clockid_t clock, struct timespec *time)
{{
    static int looks;
    int answer = syscall(SYS_clock_gettime, clock, time);
    if (getpid() == us && clock == CLOCK_REALTIME && looks++ >= {looks})
        time->tv_sec -= {seconds};
    return answer;
}}
"
    );
    built(base, &code)
}

fn built(base: &Base, code: &str) -> PathBuf {
    let (source, library) = (base.file("preload.c"), base.file("preload.so"));
    fs::write(&source, format!("{HEAD}\n{code}")).expect("write");
    let built = Command::new("gcc")
        .args(["-shared", "-fPIC", "-Wall", "-Werror", "-pthread", "-o"])
        .args([&library, &source])
        .status();
    assert!(built.expect("gcc").success());
    library
}
