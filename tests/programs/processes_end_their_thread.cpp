// SPDX-License-Identifier: MIT
// expect-exit: 0
// expect-output: ^(fork: done|skipped: .*)
// expect-output: ^(spawn: done|skipped: .*)
// expect-no-output: ^wrong
// expect-no-output: FATAL
//
// pthread_exit() and pthread_cancel() in everything that a child runs: workers and Process end with exit code 1, their
// last words say why, and the pool goes on. In a function that is noexcept that ends the child with std::terminate().
#include <concurrent/futures.hpp>
#include <pthread.h>

#include <cstdio>
#include <exception>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>

namespace cf = concurrent::futures;

namespace {

int end_thread() { ::pthread_exit(nullptr); }
void cancel_thread() {
    ::pthread_cancel(::pthread_self());
    ::pthread_testcancel();
}

struct EndsWhenRead {
    int n = 0;
    template <class Archive>
    void serialize(Archive& archive) {
        archive(n);
        if constexpr (std::is_same_v<Archive, cf::Decoder>) end_thread();
    }
};
struct EndsWhenWritten {
    int n = 0;
    template <class Archive>
    void serialize(Archive& archive) {
        archive(n);
        if constexpr (std::is_same_v<Archive, cf::Encoder>) end_thread();
    }
};
struct EndsWhenDestroyed {
    bool armed = false;
    EndsWhenDestroyed() = default;
    explicit EndsWhenDestroyed(bool ends) : armed(ends) {}
    EndsWhenDestroyed(EndsWhenDestroyed&& other) noexcept : armed(std::exchange(other.armed, false)) {}
    ~EndsWhenDestroyed() {
        if (armed) end_thread();
    }
    template <class Archive>
    void serialize(Archive& archive) {
        archive(armed);
    }
};
struct ErrorWithCodec : std::exception, EndsWhenWritten {};
struct ErrorWithWhat : std::exception {
    const char* what() const noexcept override {
        end_thread();
        return "";
    }
};

int read(EndsWhenRead value) { return value.n; }
EndsWhenWritten write() { return {}; }
EndsWhenDestroyed destroy() { return EndsWhenDestroyed(true); }
int throw_with_codec() { throw ErrorWithCodec(); }
int throw_with_what() { throw ErrorWithWhat(); }
int run_callback() {
    cf::Promise<int> promise;
    const auto future = promise.get_future();
    future.add_done_callback([](const cf::Future<int>&) { end_thread(); });
    promise.set_value(1);
    return future.result();
}
void write_one_value(cf::Sender<int> values) {
    values.send(1);
    end_thread();
}
void end_in_stop_callback(std::stop_token stop) {
    const std::stop_callback callback(stop, end_thread);
    for (;;) ::pause();
}

const std::string ended = "Its last words: \"a function ended the main thread, with pthread_exit() or because it was "
                          "cancelled; return or throw instead\"";
const std::string terminated = "or a function that is noexcept ended its thread";
const std::string in_what = "std::terminate() was called again, by what() of an uncaught exception";

void check(const char* where, const std::string& text, const std::string& expected) {
    if (text.find(expected) == std::string::npos) std::printf("wrong: %s: %s\n", where, text.c_str());
}
std::string text_of(const std::exception_ptr& error) {
    try {
        if (error) std::rethrow_exception(error);
    } catch (const std::exception& e) {
        return e.what();
    }
    return "no error";
}

void try_pool(cf::StartMethod method) {
    std::string of_posted;
    {
        cf::ProcessPoolExecutor pool({.max_workers = 1,
                                      .start_method = method,
                                      .on_unhandled_exception = [&](const std::exception_ptr& error) {
                                          of_posted = text_of(error);
                                      }});
        const auto fails = [&](const char* where, const std::string& expected, auto&&... call) {
            check(where, text_of(pool.submit(call...).exception()), expected);
        };
        fails("task", ended, end_thread);
        fails("cancelled", ended, cancel_thread);
        fails("argument is read", ended, read, EndsWhenRead{});
        fails("result is written", ended, write);
        fails("result is destroyed", terminated, destroy);
        fails("exception is written", ended, throw_with_codec);
        fails("what()", terminated, throw_with_what);
        fails("callback", ended, run_callback);
        const auto stopped = pool.submit(end_in_stop_callback);
        stopped.request_stop();
        try {
            check("stop callback", text_of(stopped.exception()), terminated);
        } catch (const cf::CancelledError&) {  // the request came before the start
        }
        pool.post(end_thread);
        if (pool.submit([] { return 3; }).result() != 3) std::printf("wrong: the pool does not go on\n");
    }
    check("post", of_posted, ended);
    cf::ProcessPoolExecutor broken(
        {.max_workers = 1, .start_method = method, .initializer = cf::bind_task(end_thread)});
    check("initializer", text_of(broken.submit([] {}).exception()), ended);
    cf::ProcessPoolExecutor ends(
        {.max_workers = 1, .start_method = method, .worker_exit = cf::bind_task(end_thread)});
    check("worker_exit", text_of(ends.submit([] {}).exception()), "no error");
}

template <class... Call>
void try_process(cf::StartMethod method, const char* where, const std::string& expected, Call&&... call) {
    cf::Process process({.start_method = method}, std::forward<Call>(call)...);
    process.join();
    check(where, process.obituary(), expected);
    if (expected == ended && process.exit_code() != 1) std::printf("wrong: %s: the exit code is not 1\n", where);
}

void try_processes(cf::StartMethod method) {
    try_process(method, "Process", ended, end_thread);
    try_process(method, "Process, cancelled", ended, cancel_thread);
    try_process(method, "Process, argument is read", ended, read, EndsWhenRead{});
    try_process(method, "Process, what()", in_what, throw_with_what);
    try_process(method, "Process, callback", ended, run_callback);
    auto [sender, receiver] = cf::make_channel<int>();
    try_process(method, "Process, sends to a channel", ended, write_one_value, std::move(sender));
    if (receiver.receive() != 1 || receiver.receive()) std::printf("wrong: the channel's values\n");
}

/// The submitter's own thread: the task fails, and the thread ends.
void try_in_submitter(cf::StartMethod method) {
    cf::ProcessPoolExecutor pool(
        {.max_workers = 1, .start_method = method, .max_pending = 1, .on_full = cf::QueueFull::caller_runs});
    bool went_on = false;
    std::thread([&] {
        for (int i = 0; i < 1000; ++i) pool.submit(cancel_thread);
        went_on = true;
    }).join();
    if (went_on) std::printf("wrong: the submitter's thread has not ended\n");
}

}  // namespace

int main(int argc, char** argv) {
    cf::register_exception<ErrorWithCodec>();
    cf::process_main(argc, argv);
#if defined(__GLIBCXX__) && defined(__GLIBC__)
#if defined(__SANITIZE_ADDRESS__)
    std::printf("skipped: the undefined behaviour sanitizer of this lane reports each handler, falsely\n");
    if (argc > 0) return 0;  // a condition, so that the compiler sees what is below in use
#endif
    for (const auto method : {cf::StartMethod::fork, cf::StartMethod::spawn}) {
#if defined(__SANITIZE_THREAD__)
        if (method == cf::StartMethod::fork) {
            std::printf("skipped: ThreadSanitizer cannot follow a fork of a process with threads\n");
            continue;
        }
#endif
        try_pool(method);
        try_processes(method);
        try_in_submitter(method);
        std::printf("%s: done\n", method == cf::StartMethod::fork ? "fork" : "spawn");
        std::fflush(stdout);
    }
#else
    std::printf("skipped: this standard library has no name for what unwinds a thread that ends\n");
#endif
}
