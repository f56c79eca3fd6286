/* Answers the questions of tests/languages/conformance.rs with clients/c/stopctl.h. */
#include "stopctl.h"

#include <inttypes.h>

static void tell_request(struct stopctl_flag *stop)
{
    struct stopctl_request request;
    if (!stopctl_get_request(stop, &request)) {
        puts("none");
        return;
    }
    printf("%c %s ", request.level, request.reason[0] ? request.reason : "-");
    if (request.deadline)
        printf("%" PRIu64 "\n", request.deadline);
    else
        puts("-");
}

int main(void)
{
    struct stopctl_flag stop;
    char line[64];

    stopctl_from_env(&stop);
    while (fgets(line, sizeof line, stdin)) {
        if (strncmp(line, "supervised", 10) == 0)
            puts(stopctl_is_supervised(&stop) ? "yes" : "no");
        else if (strncmp(line, "look", 4) == 0)
            puts(stopctl_is_set(&stop) ? "stop" : "run");
        else if (strncmp(line, "request", 7) == 0)
            tell_request(&stop);
        else
            puts(stopctl_wait(&stop, atol(line + 5)) ? "stop" : "timeout");
        fflush(stdout);
    }
    return 0;
}
