/* A worker that has nothing to do for 30 seconds at a time, and still leaves at once. */
#include "stopctl.h"

int main(void)
{
    struct stopctl_flag stop;

    stopctl_from_env(&stop);
    printf("ready\n");
    fflush(stdout);
    while (!stopctl_wait(&stop, 30000))
        printf("still nothing to do\n");
    printf("asked to stop\n");
    return 0;
}
