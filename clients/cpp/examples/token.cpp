// A worker that blocks on a queue with a std::stop_token: one that is asked to stop leaves at once.
#include "stopctl.hpp"

#include <condition_variable>
#include <iostream>
#include <mutex>
#include <queue>

int main()
{
    stopctl::flag stop;
    stopctl::stop_bridge bridge(stop);
    std::mutex lock;
    std::condition_variable_any arrived;
    std::queue<int> orders; // nobody fills it: this worker is idle

    std::cout << "ready" << std::endl;
    std::unique_lock held(lock);
    while (arrived.wait(held, bridge.get_token(), [&] { return !orders.empty(); }))
        orders.pop();
    const auto request = stop.get_request();
    std::cout << "asked to stop: " << (request ? request->reason : "by myself") << std::endl;
}
