/* A worker that knew SIGTERM before it knew of flags: a raised flag becomes that signal. What is left
 * of the work is for a later run, and the status says so. */
#include "stopctl.h"

static volatile sig_atomic_t asked;

static void on_term(int number)
{
    asked = number;
}

int main(void)
{
    struct stopctl_flag stop;
    struct sigaction action;
    sigset_t term, before;

    memset(&action, 0, sizeof action);
    action.sa_handler = on_term;
    sigaction(SIGTERM, &action, NULL);
    sigemptyset(&term);
    sigaddset(&term, SIGTERM);
    sigprocmask(SIG_BLOCK, &term, &before); /* but in sigsuspend */

    stopctl_from_env(&stop);
    if (stopctl_as_signal(&stop, SIGTERM) != 0) {
        perror("stopctl_as_signal");
        return 1;
    }
    printf("ready\n");
    fflush(stdout);
    while (!asked)
        sigsuspend(&before);
    printf("SIGTERM, and work is left\n");
    stopctl_leave();
}
