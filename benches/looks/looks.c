/* A look and a wake in C, for benches/looks/main.rs. */
#include "stopctl.h"

static void say(const char *word)
{
    puts(word);
    fflush(stdout);
}

int main(int count, char **words)
{
    struct stopctl_flag stop;
    long looks = count > 1 ? atol(words[1]) : 0, rounds, look, seen = 0;

    stopctl_from_env(&stop);
    if (looks == 0) {
        say("ready");
        stopctl_wait(&stop, -1);
        say("awake");
        return 0;
    }
    for (rounds = atol(words[2]); rounds > 0; rounds--) {
        say("begin");
        for (look = 0; look < looks; look++)
            seen += stopctl_is_set(&stop);
        say("end");
    }
    return seen != 0;
}
