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
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
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
    let (source, library) = (base.file("preload.c"), base.file("preload.so"));
    let code = format!(
        "{HEAD}
int ppoll(struct pollfd *fds, nfds_t n, const struct timespec *timeout, const sigset_t *mask)
{{
    int (*next)(struct pollfd *, nfds_t, const struct timespec *, const sigset_t *);
    if (getpid() == us) {{ {act} }}
    *(void **)&next = dlsym(RTLD_NEXT, \"ppoll\");
    return next(fds, n, timeout, mask);
}}
"
    );
    fs::write(&source, code).expect("write");
    let built = Command::new("gcc")
        .args(["-shared", "-fPIC", "-Wall", "-Werror", "-o"])
        .args([&library, &source])
        .status();
    assert!(built.expect("gcc").success());
    library
}
