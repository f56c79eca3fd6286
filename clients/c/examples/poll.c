/* A worker that waits for its input and for a stop in one call, and needs no thread for that. */
#include "stopctl.h"

#include <poll.h>

int main(void)
{
    struct stopctl_flag stop;
    struct stopctl_request request;
    struct pollfd both[2] = {{-1, POLLIN, 0}, {STDIN_FILENO, POLLIN, 0}};
    char input[4096];

    stopctl_from_env(&stop);
    both[0].fd = stopctl_descriptor(&stop);
    if (both[0].fd < 0) {
        perror("stopctl_descriptor");
        return 1;
    }
    printf("ready\n");
    fflush(stdout);
    do {
        poll(both, 2, -1);
        if (both[1].revents && read(STDIN_FILENO, input, sizeof input) <= 0)
            both[1].fd = -1; /* the end: now only the flag counts */
    } while (!(both[0].revents && stopctl_heard(&stop, both[0].fd)));
    if (stopctl_get_request(&stop, &request))
        printf("asked to stop: %s\n", request.reason);
    return 0;
}
