/* A worker that works piece by piece, and leaves by its own door when it is asked to. */
#include "stopctl.h"

static void one_piece_of_work(void)
{
    struct timespec time = {0, 1000000};
    nanosleep(&time, NULL);
}

int main(void)
{
    struct stopctl_flag stop;
    struct stopctl_request request;
    unsigned long done = 0;

    stopctl_from_env(&stop);
    printf("ready\n");
    fflush(stdout);
    while (!stopctl_is_set(&stop)) {
        one_piece_of_work();
        done++;
    }
    if (stopctl_get_request(&stop, &request))
        printf("asked to stop: %s; saved %s\n", request.reason, done ? "my work" : "nothing");
    return 0;
}
