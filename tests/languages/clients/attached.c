/* Worker of tests/languages/clients/attached.rs: asks for its flag again and again. In C++, too. */
#include "stopctl.h"

int main(void)
{
    struct stopctl_flag stop;
    int n;

    for (n = 0; n < 1000; n++)
        stopctl_from_env(&stop);
    puts(stopctl_is_supervised(&stop) ? "ready" : "not supervised");
    fflush(stdout);
    return !stopctl_wait(&stop, 60000);
}
