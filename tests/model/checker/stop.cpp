// SPDX-License-Identifier: MIT
//
// stop.cpp: a request to stop on its way to the std::stop_token of a task, under the model checker. In a worker the thread of
// the task and the one that listens are two; the thread that asks stands for the pool's process.
#include <concurrent/futures/detail/wire/stop_delivery.hpp>

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>

#include "model/checker/checker.hpp"

namespace detail = concurrent::futures::detail;
using model::expect;

namespace {

/// A task that waits until its token is asked to stop.
class Stoppable {
  public:
    void run(const std::stop_token& token) {
        const std::stop_callback callback(token, [this] {
            const std::lock_guard lock(mutex_);
            asked_ = true;
            changed_.notify_all();
        });
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] { return asked_; });
    }

  private:
    std::mutex mutex_;
    std::condition_variable changed_;
    bool asked_ = false;
};

}  // namespace

MODEL("a request to stop reaches the task, though the thread that listens is about to sleep") {
    const auto request = std::make_unique<detail::StopRequest>();
    std::thread pool([&] { request->ask_to_stop(7); });
    {
        const detail::StopDelivery delivery({request.get(), 7});
        Stoppable().run(delivery.token());
        expect(delivery.token().stop_requested(), "the request");
    }
    pool.join();
}

MODEL("a task ends while nobody asks it to stop, though the thread that listens is about to sleep") {
    const auto request = std::make_unique<detail::StopRequest>();
    std::stop_token token;
    {
        const detail::StopDelivery delivery({request.get(), 7});
        token = delivery.token();
    }
    expect(!token.stop_requested(), "nobody asked");
}

MODEL("a task ends while it is asked to stop, and the next one is not asked") {
    const auto request = std::make_unique<detail::StopRequest>();
    std::thread pool([&] { request->ask_to_stop(7); });
    { const detail::StopDelivery first({request.get(), 7}); }
    std::stop_token token;
    {
        const detail::StopDelivery second({request.get(), 8});
        token = second.token();
    }
    pool.join();
    expect(!token.stop_requested(), "the second task was not asked");
}

MODEL("of two tasks, one after the other, the second is asked to stop while its thread begins to listen") {
    const auto request = std::make_unique<detail::StopRequest>();
    request->ask_to_stop(6);  // one that has long ended
    std::thread pool([&] { request->ask_to_stop(8); });
    { const detail::StopDelivery first({request.get(), 7}); }
    {
        const detail::StopDelivery second({request.get(), 8});
        Stoppable().run(second.token());
    }
    pool.join();
}

MODEL("a stop callback runs in the thread that listens, which the end of the task waits for") {
    const auto request = std::make_unique<detail::StopRequest>();
    model::Watched<int> said(0);
    request->ask_to_stop(7);
    std::optional<detail::StopDelivery> delivery(std::in_place, detail::StopLine{request.get(), 7});
    const std::stop_callback callback(delivery->token(), [&] { said.set(said.get() + 1); });
    delivery.reset();
    expect(said.get() <= 1, "at most once");
}
