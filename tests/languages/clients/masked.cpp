// Worker of tests/languages/clients/signals.rs: has SIGTERM blocked in its only thread, beside those of the client.
#include "stopctl.hpp"

#include <csignal>
#include <iostream>

int main()
{
    stopctl::flag stop;
    stopctl::stop_bridge bridge(stop);
    stop.as_signal(SIGUSR1);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &set, nullptr);

    kill(getpid(), SIGTERM); // the process dies of it if any thread has it not blocked
    sigpending(&set);
    std::cout << (sigismember(&set, SIGTERM) == 1 ? "ready" : "SIGTERM is not pending") << std::endl;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    int came = 0;
    sigwait(&set, &came);
    std::cout << "came: " << came << std::endl;
    stop.leave();
}
