// Answers the questions of tests/languages/conformance.rs with clients/cpp/stopctl.hpp; waits by the token.
#include "stopctl.hpp"

#include <condition_variable>
#include <iostream>
#include <mutex>

static bool wait_for(stopctl::stop_bridge &bridge, long milliseconds)
{
    std::mutex lock;
    std::condition_variable_any asked;
    std::unique_lock held(lock);
    asked.wait_for(held, bridge.get_token(), std::chrono::milliseconds(milliseconds),
                   [] { return false; });
    return bridge.get_token().stop_requested();
}

int main()
{
    stopctl::flag stop;
    std::optional<stopctl::stop_bridge> bridge; // from the first wait on
    for (std::string line; std::getline(std::cin, line); std::cout << std::endl) {
        if (line == "supervised")
            std::cout << (stop.is_supervised() ? "yes" : "no");
        else if (line == "look")
            std::cout << (stop.is_set() ? "stop" : "run");
        else if (line == "request") {
            if (const auto request = stop.get_request()) {
                std::cout << request->level << ' '
                          << (request->reason.empty() ? "-" : request->reason) << ' ';
                if (request->deadline)
                    std::cout << request->deadline->time_since_epoch().count();
                else
                    std::cout << '-';
            } else
                std::cout << "none";
        } else
            std::cout << (wait_for(bridge ? *bridge : bridge.emplace(stop), std::stol(line.substr(5))) ? "stop" : "timeout");
    }
}
