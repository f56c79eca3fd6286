// stopctl.hpp 0.1.0: the stop flag of stopctl(1) as a std::stop_token, for workers in C++20.
//
// Licence: MIT OR Apache-2.0. The contract is stopctl-flag(7). Needs stopctl.h beside it.
//
//     #include "stopctl.hpp"
//
//     stopctl::flag stop;                       // one look is one load: the cheapest way to poll
//     while (!stop.is_set())
//         one_piece_of_work();
//
//     stopctl::stop_bridge bridge(stop);        // for what takes a std::stop_token
//     std::condition_variable_any idle;
//     idle.wait(lock, bridge.get_token(), work_is_there);
//
//     int asked = stop.descriptor();            // for poll, epoll and their like: no thread
//     ... if it is readable: if (stop.heard(asked)) leave the loop ...
//
// What stopctl.h says about threads, about running without a supervisor, and about SIGBUS also
// applies here.
#ifndef STOPCTL_HPP
#define STOPCTL_HPP

#include "stopctl.h"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <system_error>
#include <thread>

namespace stopctl {

using clock = std::chrono::steady_clock; // CLOCK_MONOTONIC, the flag's own clock

struct request {
    char level;                                // as in stopctl.h
    std::string reason;                        // "" if not known
    std::optional<clock::time_point> deadline; // when the next rung comes
};

// The flag that STOPCTL_FLAG names, or one that stays down; warns as stopctl_from_env does.
class flag {
  public:
    flag() noexcept { stopctl_from_env(&stop_); }

    [[nodiscard]] bool is_supervised() const noexcept { return stopctl_is_supervised(&stop_) != 0; }

    // A look: one load of the flag, and nothing else.
    [[nodiscard]] bool is_set() const noexcept { return stopctl_is_set(&stop_) != 0; }

    // Sleeps until the worker should stop, because the flag was raised or the supervisor died, and
    // returns true; or sleeps for this long, and returns false.
    template <class Rep, class Period>
    bool wait_for(std::chrono::duration<Rep, Period> time) noexcept
    {
        // Milliseconds as floating point, so that hours::max() does not overflow in between.
        const auto ms = std::chrono::duration<double, std::milli>(time).count();
        constexpr double longest = 9e15;
        const auto whole = static_cast<std::int64_t>(ms < longest ? ms : longest);
        const bool rest = ms < longest && static_cast<double>(whole) < ms;
        return stopctl_wait(&stop_, ms <= 0 ? 0 : whole + (rest ? 1 : 0)) != 0;
    }

    // What the flag says, if the worker should stop. If the supervisor died without raising the flag,
    // that is a request with the reason "lost".
    [[nodiscard]] std::optional<request> get_request()
    {
        struct stopctl_request raw;
        if (stopctl_get_request(&stop_, &raw) == 0)
            return std::nullopt;
        request asked{raw.level, raw.reason, std::nullopt};
        if (raw.deadline != 0)
            asked.deadline = clock::time_point(std::chrono::nanoseconds(raw.deadline));
        return asked;
    }

#ifdef __linux__
    // As stopctl_descriptor: becomes readable when the worker should stop, or may. Throws
    // std::system_error if there is none to be had. Whoever calls this closes it.
    [[nodiscard]] int descriptor() { return checked(stopctl_descriptor(&stop_), "stopctl_descriptor"); }

    // What a descriptor that is readable means: whether the worker should stop.
    [[nodiscard]] bool heard(int descriptor) noexcept { return stopctl_heard(&stop_, descriptor) != 0; }
#endif

    // As stopctl_as_signal: this process gets a signal, once, when it should stop. Throws
    // std::system_error if there is no such signal or no thread for it; it may be called again then.
    void as_signal(int number) const { checked(stopctl_as_signal(&stop_, number), "stopctl_as_signal"); }

    // As stopctl_leave: ends the process, by std::exit, when it was asked to stop and has work left.
    [[noreturn]] static void leave() { stopctl_leave(); }

  private:
    static int checked(int answer, const char *what)
    {
        if (answer == -1)
            throw std::system_error(errno, std::generic_category(), what);
        return answer;
    }

    friend class stop_bridge;
    struct stopctl_flag stop_;
};

// A thread that sleeps on the flag and then requests a stop of a std::stop_source. Callbacks that are
// registered with the token run in that thread, in which every signal is blocked. Without a supervisor
// there is no thread, and we never stop the token.
class stop_bridge {
  public:
    // The flag must live as long as the bridge. Throws std::system_error if there is no thread to be
    // had; another bridge may be tried later.
    explicit stop_bridge(flag &stop) : flag_(stop)
    {
        if (!flag_.is_supervised())
            return;
        const all_blocked during;
        waiter_ = std::jthread([this](std::stop_token leave) { wait(leave); });
    }

    stop_bridge(const stop_bridge &) = delete;
    stop_bridge &operator=(const stop_bridge &) = delete;

    // Returns at once, whether or not the flag was raised.
    ~stop_bridge()
    {
        waiter_.request_stop();
#ifdef STOPCTL_FUTEX_
        // The thread may be just about to sleep, so wake it until it has ended. Others who sleep on
        // the same flag wake too, look, and sleep again, as the contract expects.
        while (waiter_.joinable() && !left_.load(std::memory_order_acquire)) {
            syscall(STOPCTL_SYS_FUTEX_, flag_.stop_.flag, FUTEX_WAKE, INT32_MAX, nullptr, nullptr, 0);
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
#endif
    }

    [[nodiscard]] std::stop_token get_token() const noexcept { return source_.get_token(); }

    // Stops the work of this process only: nobody else sees it.
    bool request_stop() noexcept { return source_.request_stop(); }

  private:
    struct all_blocked {
        sigset_t before;
        all_blocked() noexcept { stopctl_block_all_(&before); }
        ~all_blocked() { pthread_sigmask(SIG_SETMASK, &before, nullptr); }
        all_blocked(const all_blocked &) = delete;
        all_blocked &operator=(const all_blocked &) = delete;
    };

    void wait(const std::stop_token &leave)
    {
        std::uint32_t word;
        while (!leave.stop_requested() && stopctl_must_stop_(&flag_.stop_, &word) == 0)
            stopctl_sleep_(&flag_.stop_, word, STOPCTL_SECOND_);
        if (!leave.stop_requested())
            source_.request_stop();
        left_.store(true, std::memory_order_release);
    }

    flag &flag_;
    std::stop_source source_;
    std::atomic<bool> left_{false};
    std::jthread waiter_; // the last: it uses all the others
};

} // namespace stopctl

#endif
