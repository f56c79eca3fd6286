/* A worker that is hard to find, and deaf to SIGTERM; with a child that is, too. `wiped` overwrites
 * its environment and title, `mute` lets nobody but root look into it. */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

extern char **environ;

int main(int argc, char **argv)
{
    const char *worker = getenv("STOPCTL_WORKER");
    int number = worker ? atoi(worker) : 0, word;
    char **one;

    signal(SIGTERM, SIG_IGN);
    if (argc > 1 && strcmp(argv[1], "mute") == 0) {
        prctl(PR_SET_DUMPABLE, 0);
    } else {
        for (one = environ; *one; one++)
            memset(*one, 0, strlen(*one));
        for (word = 0; word < argc; word++)
            memset(argv[word], 0, strlen(argv[word]));
        prctl(PR_SET_NAME, "kworker/0:1");
    }
    number = 2 * number + (fork() == 0);
    printf("ready worker=%d pid=%d\n", number, (int)getpid());
    fflush(stdout);
    for (;;)
        pause();
}
