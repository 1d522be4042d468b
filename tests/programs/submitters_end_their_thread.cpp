// SPDX-License-Identifier: MIT
// expect-exit: 0
// expect-output: ^(threads, submit: submitted started failed|skipped: .*)$
// expect-output: ^(threads, post: submitted started failed|skipped: .*)$
// expect-output: ^(threads, post_all: submitted started failed|skipped: .*)$
// expect-output: ^(threads, callback: submitted started completed callback callback over|skipped: .*)$
// expect-output: ^(processes, submit: submitted started failed|skipped: .*)$
// expect-output: ^(processes, post: submitted started failed|skipped: .*)$
// expect-output: ^(processes, a retry is left: submitted started failed|skipped: .*)$
// expect-output: ^(processes, none is free: submitted cancelled|skipped: .*)$
// expect-output: ^(inline, submit: submitted started failed|skipped: .*)$
// expect-output: ^(inline, post: submitted started failed|skipped: .*)$
// expect-no-output: ^wrong
// expect-no-output: terminate|FATAL
//
// A task that its submitter runs itself, with QueueFull::caller_runs or CONCURRENT_FUTURES_INLINE, ends the submitter's
// thread. The observer is told of each event once, in order, and the task is destroyed once. So are a callback that ends
// its thread, and a submitter whose thread is cancelled while it waits for room.
#include <concurrent/futures.hpp>
#include <pthread.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "support/named_events.hpp"

namespace cf = concurrent::futures;

namespace {

int end_thread() { ::pthread_exit(nullptr); }
int one() { return 1; }

/// What happens, in one line, but for what happens to the tasks named "first".
class Recorder final : public support::NamedEvents {
  public:
    void told(std::string_view what, const cf::CallEvent& call) override {
        if (call.name == "first") return;
        const std::lock_guard lock(mutex_);
        line_ += ' ';
        line_ += what;
    }
    using NamedEvents::told;

    void show(const char* what) {
        const std::lock_guard lock(mutex_);
        std::printf("%s:%s\n", what, line_.c_str());
        std::fflush(stdout);
        line_.clear();
    }
    void wait_for(const std::string& event) {
        for (;; std::this_thread::yield()) {
            const std::lock_guard lock(mutex_);
            if (line_.find(event) != std::string::npos) return;
        }
    }

  private:
    std::mutex mutex_;
    std::string line_;
};

/// Runs it in a thread, which it is to end.
template <class Submit>
void end_a_thread(Submit submit) {
    bool went_on = false;
    std::thread([&] {
        submit();
        went_on = true;
    }).join();
    if (went_on) std::printf("wrong: the submitter's thread has not ended\n");
}

[[maybe_unused]] void try_threads() {
    const auto recorder = std::make_shared<Recorder>();
    const auto token = std::make_shared<int>(0);
    const auto ends = [token] { end_thread(); };
    std::atomic<bool> go{false};
    {
        cf::ThreadPoolExecutor pool(
            {.max_workers = 1, .max_pending = 1, .on_full = cf::QueueFull::caller_runs, .observer = recorder});
        pool.pause();
        const auto first = pool.submit({.name = "first"}, one);
        end_a_thread([&] { pool.submit(ends); });
        recorder->show("threads, submit");
        end_a_thread([&] { pool.post(ends); });
        recorder->show("threads, post");
        end_a_thread([&] { pool.post_all(std::vector<std::function<void()>>{ends}); });
        recorder->show("threads, post_all");
        pool.resume();
        if (first.result() != 1) std::printf("wrong: the pool does not go on\n");
        pool.wait_idle();
        const auto stats = pool.stats();
        if (stats.failed != 3 || stats.completed != 1 || stats.running != 0 || stats.pending != 0)
            std::printf("wrong: the statistics of threads\n");
        pool.submit([&] { go.wait(false); }).add_done_callback([](const cf::Future<void>&) { end_thread(); });
        go = true;
        go.notify_all();
    }
    recorder->show("threads, callback");
    if (token.use_count() != 2) std::printf("wrong: %ld owners are left\n", token.use_count());
}

[[maybe_unused]] void try_processes(cf::StartMethod method) {
    const auto recorder = std::make_shared<Recorder>();
    cf::ProcessPoolExecutor pool({.max_workers = 1,
                                  .start_method = method,
                                  .max_pending = 1,
                                  .on_full = cf::QueueFull::caller_runs,
                                  .on_unhandled_exception = [](const std::exception_ptr&) {},
                                  .observer = recorder});
    pool.pause();
    const auto first = pool.submit({.name = "first"}, one);
    end_a_thread([&] { pool.submit(end_thread); });
    recorder->show("processes, submit");
    end_a_thread([&] { pool.post(end_thread); });
    recorder->show("processes, post");
    end_a_thread([&] { pool.submit({.retries = 1}, end_thread); });
    recorder->show("processes, a retry is left");
#if defined(__SANITIZE_THREAD__)
    std::printf("skipped: ThreadSanitizer does not know a thread that is cancelled while it waits\n");
#else
    // A task with a time limit is never run by its submitter, who waits.
    std::thread waits([&] { pool.submit({.timeout = std::chrono::hours(1)}, one); });
    recorder->wait_for("submitted");
    ::pthread_cancel(waits.native_handle());
    waits.join();
    recorder->show("processes, none is free");
#endif
    pool.resume();
    if (first.result() != 1) std::printf("wrong: the pool does not go on\n");
    pool.wait_idle();
    const auto stats = pool.stats();
    if (stats.failed != 3 || stats.completed != 1 || stats.running != 0 || stats.pending != 0)
        std::printf("wrong: the statistics of processes\n");
}

[[maybe_unused]] void try_inline() {
    ::setenv("CONCURRENT_FUTURES_INLINE", "1", 1);
    const auto recorder = std::make_shared<Recorder>();
    cf::ProcessPoolExecutor pool(
        {.max_workers = 1, .on_unhandled_exception = [](const std::exception_ptr&) {}, .observer = recorder});
    end_a_thread([&] { pool.submit(end_thread); });
    recorder->show("inline, submit");
    end_a_thread([&] { pool.post(end_thread); });
    recorder->show("inline, post");
    if (pool.stats().failed != 2) std::printf("wrong: the statistics of an inline pool\n");
}

}  // namespace

int main(int argc, char** argv) {
    cf::process_main(argc, argv);
#if defined(__GLIBCXX__) && defined(__GLIBC__)
#if defined(__SANITIZE_ADDRESS__)
    std::printf("skipped: the undefined behaviour sanitizer of this lane reports each handler, falsely\n");
    if (argc > 0) return 0;  // a condition, so that the compiler sees what is below in use
#endif
    try_threads();
    try_processes(cf::StartMethod::spawn);
    try_inline();
#else
    std::printf("skipped: this standard library has no name for what unwinds a thread that ends\n");
#endif
}
