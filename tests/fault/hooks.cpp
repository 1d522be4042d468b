// SPDX-License-Identifier: MIT
//
// hooks.cpp: executors at work while code of the user throws, at each place where the library calls it.
//
//     fault_hooks [--seconds 6 | --all] [--only TEXT]
//
// A hook is one kind of such code: the copy, move or call of a callable, of an argument, a result, a callback, a codec, an
// initializer, an observer and so on. For each executor and each hook the same work is done again and again, and the hook
// throws at its k-th use: for k = 1, 2, … until a run ends in which it was not used so often (above 64, k grows by a
// quarter, since the uses of comparisons are many). It throws once, or from the k-th use on, or once something that is no
// std::exception. What must hold:
//
//   - a constructor or a call of the library throws what the hook has thrown, or every future ends, with the right value
//     or with that exception;
//   - afterwards the pool works, or is broken and says so, with the text of the hook (initializers);
//   - each object of the user that was made is destroyed, once; no thread, descriptor or process is left;
//   - nobody hangs, nobody aborts: cases run in a process that another one watches over.
//
// Not here, because the language ends the program: destructors, what(), and stop callbacks that throw.
// With --only, the cases whose line contains TEXT. Results: README.md beside this file.
#include <concurrent/futures.hpp>
#include <concurrent/futures/observer.hpp>
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <new>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "support/deadline.hpp"
#include "support/eventually.hpp"
#include "support/process_log.hpp"
#include "support/processes.hpp"

namespace cf = concurrent::futures;
using namespace std::chrono_literals;

namespace hooks {

#define FOR_EACH_HOOK(X)                                                                                               \
    X(argument_copy) X(argument_move) X(argument_encode) X(argument_decode)                                             \
    X(result_copy) X(result_move) X(result_encode) X(result_decode)                                                     \
    X(callable_copy) X(callable_move) X(callable_call) X(callable_encode) X(callable_decode)                            \
    X(continuation_copy) X(continuation_move) X(continuation_call) X(continuation_encode) X(continuation_decode)        \
    X(callback_copy) X(callback_move) X(callback_call)                                                                  \
    X(failure_copy) X(failure_encode) X(failure_decode)                                                                 \
    X(initializer_copy) X(initializer_move) X(initializer_call) X(initializer_encode) X(initializer_decode)             \
    X(exit_copy) X(exit_move) X(exit_call) X(exit_encode) X(exit_decode)                                                \
    X(observer_call) X(unhandled_call)                                                                                  \
    X(range_begin) X(range_increment) X(range_dereference) X(range_compare)                                             \
    X(body_copy) X(body_move) X(body_call) X(comparison) X(reduction)

#define NAME_OF_HOOK(name) name,
enum class Hook : int { FOR_EACH_HOOK(NAME_OF_HOOK) none };
#undef NAME_OF_HOOK
#define NAME_OF_HOOK(name) #name,
constexpr std::array hook_names{FOR_EACH_HOOK(NAME_OF_HOOK)};
#undef NAME_OF_HOOK

enum class Mode : int { once, from_here_on, once_no_std_exception };
constexpr std::array<const char*, 3> mode_names{"once", "from here on", "once, no std::exception"};

/// In a file, so that workers see it. Zero when fresh. relaxed everywhere: numbers, which hand nothing over.
struct Shared {
    std::atomic<int> hook, mode;
    std::atomic<std::uint64_t> number, uses, thrown;  // number 0: nothing throws
};
static_assert(std::atomic<std::uint64_t>::is_always_lock_free);
constexpr const char* variable = "CONCURRENT_FUTURES_TEST_HOOKS";

Shared& shared() {
    static Shared* const mapped = [] {
        const int fd = ::open(std::getenv(variable), O_RDWR | O_CLOEXEC);
        void* const memory = ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (fd < 0 || memory == MAP_FAILED) std::abort();
        ::close(fd);
        return static_cast<Shared*>(memory);
    }();
    return *mapped;
}

const std::string text_of_hook = "thrown by the hook ";

void use(Hook hook) {
    Shared& state = shared();
    if (static_cast<Hook>(state.hook.load(std::memory_order_relaxed)) != hook) return;
    const std::uint64_t number = state.number.load(std::memory_order_relaxed);
    const std::uint64_t uses = state.uses.fetch_add(1, std::memory_order_relaxed) + 1;
    const auto mode = static_cast<Mode>(state.mode.load(std::memory_order_relaxed));
    if (number == 0 || (mode == Mode::from_here_on ? uses < number : uses != number)) return;
    state.thrown.fetch_add(1, std::memory_order_relaxed);
    if (mode == Mode::once_no_std_exception) throw 42;
    throw std::domain_error(text_of_hook + hook_names[static_cast<std::size_t>(hook)]);
}

// ---- objects of the user ----

/// Of this process. relaxed: a number.
std::atomic<long> alive{0};

template <Hook copy, Hook move>
struct Counted {
    explicit Counted(int number) : n(number) { alive.fetch_add(1, std::memory_order_relaxed); }
    Counted(const Counted& other) : n(other.n) {
        use(copy);
        alive.fetch_add(1, std::memory_order_relaxed);
    }
    Counted(Counted&& other) : n(other.n) {
        use(move);
        alive.fetch_add(1, std::memory_order_relaxed);
    }
    Counted& operator=(const Counted& other) {
        use(copy);
        n = other.n;
        return *this;
    }
    Counted& operator=(Counted&& other) {
        use(move);
        n = other.n;
        return *this;
    }
    ~Counted() { alive.fetch_sub(1, std::memory_order_relaxed); }

    int n;
};

struct Argument : Counted<Hook::argument_copy, Hook::argument_move> {
    using Counted::Counted;
};
struct Result : Counted<Hook::result_copy, Hook::result_move> {
    using Counted::Counted;
};
struct Failure : std::runtime_error {
    explicit Failure(int number) : std::runtime_error("a failure of the test"), counted(number) {}
    Counted<Hook::failure_copy, Hook::failure_copy> counted;
};

struct Callable : Counted<Hook::callable_copy, Hook::callable_move> {
    using Counted::Counted;
    Result operator()(const Argument& argument) const {
        use(Hook::callable_call);
        return Result(n * argument.n);
    }
};
struct Failing : Counted<Hook::callable_copy, Hook::callable_move> {
    using Counted::Counted;
    Result operator()(const Argument& argument) const {
        use(Hook::callable_call);
        throw Failure(argument.n);
    }
};
struct Continuation : Counted<Hook::continuation_copy, Hook::continuation_move> {
    using Counted::Counted;
    Result operator()(const Result& result) const {
        use(Hook::continuation_call);
        return Result(n + result.n);
    }
};
struct Callback : Counted<Hook::callback_copy, Hook::callback_move> {
    explicit Callback(std::atomic<int>& count) : Counted(0), calls(&count) {}
    void operator()(const cf::Future<Result>&) const {
        calls->fetch_add(1, std::memory_order_relaxed);
        use(Hook::callback_call);
    }
    std::atomic<int>* calls;
};
struct Initializer : Counted<Hook::initializer_copy, Hook::initializer_move> {
    using Counted::Counted;
    void operator()() const { use(Hook::initializer_call); }
};
struct Exit : Counted<Hook::exit_copy, Hook::exit_move> {
    using Counted::Counted;
    void operator()() const { use(Hook::exit_call); }
};
struct Body : Counted<Hook::body_copy, Hook::body_move> {
    using Counted::Counted;
    int operator()(int& element) const {
        use(Hook::body_call);
        return element * n;
    }
};

/// The numbers from 1 to 6, once.
struct Numbers {
    struct End {};
    struct Iterator {
        using iterator_concept = std::input_iterator_tag;
        using value_type = Argument;
        using difference_type = std::ptrdiff_t;
        Argument operator*() const {
            use(Hook::range_dereference);
            return Argument(at);
        }
        Iterator& operator++() {
            use(Hook::range_increment);
            ++at;
            return *this;
        }
        void operator++(int) { ++*this; }
        bool operator==(End) const {
            use(Hook::range_compare);
            return at == 7;
        }
        int at = 1;
    };
    Iterator begin() const {
        use(Hook::range_begin);
        return {};
    }
    End end() const { return {}; }
};

struct Watcher : cf::Observer {
    Watcher() { alive.fetch_add(1, std::memory_order_relaxed); }
    ~Watcher() override { alive.fetch_sub(1, std::memory_order_relaxed); }
    void submitted(const cf::CallEvent&) override { use(Hook::observer_call); }
    void started(const cf::CallEvent&) override { use(Hook::observer_call); }
    void finished(const cf::CallEvent&, cf::CallOutcome) override { use(Hook::observer_call); }
    void cancelled(const cf::CallEvent&) override { use(Hook::observer_call); }
    void retried(const cf::CallEvent&) override { use(Hook::observer_call); }
    void ran_items(const cf::CallEvent&, std::size_t, std::chrono::steady_clock::time_point) override {
        use(Hook::observer_call);
    }
    void callback_started(const cf::CallEvent&) override { use(Hook::observer_call); }
    void callback_finished(const cf::CallEvent&) override { use(Hook::observer_call); }
    void worker_started(const cf::WorkerEvent&) override { use(Hook::observer_call); }
    void worker_ended(const cf::WorkerEvent&) override { use(Hook::observer_call); }
};

}  // namespace hooks

namespace concurrent::futures {

#define HOOKED_CODEC(Type, hook)                               \
    template <>                                                \
    struct Codec<hooks::Type> {                                \
        static void encode(Encoder& encoder, const hooks::Type& value) { \
            hooks::use(hooks::Hook::hook##_encode);            \
            encoder.encode(value.n);                           \
        }                                                      \
        static hooks::Type decode(Decoder& decoder) {          \
            hooks::use(hooks::Hook::hook##_decode);            \
            return hooks::Type(decoder.decode<int>());         \
        }                                                      \
    };
HOOKED_CODEC(Argument, argument)
HOOKED_CODEC(Result, result)
HOOKED_CODEC(Callable, callable)
HOOKED_CODEC(Failing, callable)
HOOKED_CODEC(Continuation, continuation)
HOOKED_CODEC(Initializer, initializer)
HOOKED_CODEC(Exit, exit)
#undef HOOKED_CODEC

template <>
struct Codec<hooks::Failure> {
    static void encode(Encoder& encoder, const hooks::Failure& failure) {
        hooks::use(hooks::Hook::failure_encode);
        encoder.encode(failure.counted.n);
    }
    static hooks::Failure decode(Decoder& decoder) {
        hooks::use(hooks::Hook::failure_decode);
        return hooks::Failure(decoder.decode<int>());
    }
};

}  // namespace concurrent::futures

namespace hooks {
namespace {

constexpr std::chrono::milliseconds patience = support::deadline(20s);

enum class Executor : int { inlined, threads, spawn, fork };
constexpr std::array<const char*, 4> executor_names{"inline", "threads", "spawn", "fork"};

struct Case {
    Executor executor{};
    Hook hook{};
    Mode mode{};
    std::uint64_t number = 0;

    std::string text() const {
        return std::string(executor_names[static_cast<std::size_t>(executor)]) + ", " +
               hook_names[static_cast<std::size_t>(hook)] + " throws " + mode_names[static_cast<std::size_t>(mode)] +
               ", use " + std::to_string(number);
    }
    bool of(std::string_view prefix) const {
        return std::string_view(hook_names[static_cast<std::size_t>(hook)]).starts_with(prefix);
    }
};

/// Collects what is wrong in one case.
class Judge {
  public:
    explicit Judge(const Case& which) : case_(which) {}

    void wrong(const std::string& text) { wrong_ += "    " + text + "\n"; }
    /// In a catch block.
    void accept_error(const char* what) {
        if (shared().thrown.load(std::memory_order_relaxed) == 0) wrong(std::string(what) + " failed, but no hook has thrown");
        try {
            throw;
        } catch (const std::domain_error& error) {
            if (!has_text(error)) wrong(std::string(what) + ": " + error.what());
        } catch (int) {
            if (case_.mode != Mode::once_no_std_exception) wrong(std::string(what) + ": an int");
        } catch (const cf::BrokenExecutor& error) {  // an initializer: with its text, if it has one
            if (!case_.of("initializer") || (case_.mode != Mode::once_no_std_exception && !has_text(error)))
                wrong(std::string(what) + ": " + error.what());
        } catch (const cf::RemoteError& error) {  // what cannot cross: its type
            const bool not_std = case_.mode == Mode::once_no_std_exception && error.type_name() == "int";
            if (!not_std && !(case_.of("failure") && error.type_name() == "hooks::Failure"))
                wrong(std::string(what) + ": " + error.what());
        } catch (const std::exception& error) {
            wrong(std::string(what) + ": " + error.what());
        }
    }
    /// What a part of the work throws is what a hook has thrown.
    template <class Work>
    void attempt(const char* what, Work work) {
        try {
            work();
        } catch (...) {
            accept_error(what);
        }
    }
    void expect(const char* what, const cf::Future<Result>& future, int right) {
        if (!future.valid()) return;  // not submitted
        attempt(what, [&] {
            if (future.result(patience).n != right) wrong(std::string(what) + ": wrong value");
        });
    }
    const std::string& verdict() const { return wrong_; }

  private:
    static bool has_text(const std::exception& error) {
        return std::string_view(error.what()).find(text_of_hook) != std::string_view::npos;
    }

    const Case case_;
    std::string wrong_;
};

// ---- the work ----

template <class Pool>
constexpr bool in_this_process = !std::is_same_v<Pool, cf::ProcessPoolExecutor>;

struct Futures {
    std::vector<std::pair<int, cf::Future<Result>>> products;  // with the right value
    std::vector<cf::Future<Result>> others;
    std::atomic<int> callbacks{0};
    int callbacks_added = 0;
};

template <class Pool>
void submit_calls(Pool& pool, Judge& judge, Futures& futures) {
    for (int i = 0; i < 3; ++i)
        judge.attempt("submit", [&] { futures.products.emplace_back(i * i, pool.submit(Callable(i), Argument(i))); });
    if constexpr (!std::is_same_v<Pool, cf::InlineExecutor>)
        judge.attempt("submit with options", [&] {
            futures.others.push_back(pool.submit({.name = "again", .retries = 1}, Callable(5), Argument(4)));
        });
    judge.attempt("post", [&] { pool.post(Callable(1), Argument(1)); });
    if constexpr (std::is_same_v<Pool, cf::ThreadPoolExecutor>)
        judge.attempt("submit_all", [&] {
            const auto bound = [](int n) { return [call = Callable(n), argument = Argument(n)] { return call(argument); }; };
            std::vector<decltype(bound(0))> calls;
            for (int i = 3; i < 5; ++i) calls.push_back(bound(i));
            const auto submitted = pool.submit_all(calls);
            for (int i = 3; i < 5; ++i)
                futures.products.emplace_back(i * i, submitted[static_cast<std::size_t>(i - 3)]);
        });
}

template <class Pool>
void add_dependents(Pool& pool, Judge& judge, Futures& futures) {
    for (const auto& product : futures.products)
        judge.attempt("add_done_callback", [&] {
            product.second.add_done_callback(Callback(futures.callbacks));
            ++futures.callbacks_added;
        });
    if (futures.products.empty()) return;
    const auto& [square, first] = futures.products.front();
    cf::Future<Result> here, there;
    judge.attempt("then", [&] { here = first.then(Continuation(7)); });
    judge.attempt("then on the pool", [&] { there = first.then(pool, Continuation(8)); });
    judge.expect("a continuation", here, 7 + square);
    judge.expect("a continuation on the pool", there, 8 + square);
}

template <class Pool>
void use_failure(Pool& pool, Judge& judge) {
    judge.attempt("the task that fails", [&] {
        const auto failed = pool.submit(Failing(1), Argument(9));
        try {
            failed.result(patience);
            judge.wrong("the task that fails had a value");
        } catch (const Failure& failure) {
            if (failure.counted.n != 9) judge.wrong("the task that fails: a wrong failure");
        }
    });
}

template <class Map>
void use_map(Judge& judge, Map make_map) {
    judge.attempt("map", [&] {
        auto results = make_map();
        int n = 0;
        bool last_failed = false;
        for (auto item = results.begin(); item != results.end(); ++item) {
            ++n;
            last_failed = true;
            judge.attempt("an item of map", [&] {
                if ((*item).n != 2 * n) judge.wrong("map: wrong value");
                last_failed = false;
            });
        }
        // With buffersize, what the range or the submission of an item throws is the last item.
        if (n > 7 || (n != 6 && !last_failed)) judge.wrong("map: " + std::to_string(n) + " items");
    });
}

template <class Pool>
void use_maps(Pool& pool, Judge& judge) {
    Numbers once;
    use_map(judge, [&] { return pool.map(Callable(2), once); });
    use_map(judge, [&] { return pool.map({.chunksize = 2, .buffersize = 4}, Callable(2), once); });
    judge.attempt("map of a vector", [&] {
        std::vector<Argument> list;
        list.reserve(6);
        for (int i = 1; i <= 6; ++i) list.emplace_back(i);
        use_map(judge, [&] { return pool.map(Callable(2), list); });
    });
}

template <class Pool>
void use_algorithms(Pool& pool, Judge& judge) {
    std::vector<int> numbers(40);
    for (int i = 0; i < 40; ++i) numbers[static_cast<std::size_t>(i)] = 39 - i;
    judge.attempt("for_each", [&] { cf::for_each(pool, numbers, Body(2)); });
    judge.attempt("transform", [&] {
        std::vector<int> doubled(40);
        cf::transform(pool, numbers, doubled.begin(), Body(2));
        if (doubled[0] != 78 || doubled[39] != 0) judge.wrong("transform: wrong value");
    });
    judge.attempt("transform_reduce", [&] {
        const auto sum = [](int a, int b) {
            use(Hook::reduction);
            return a + b;
        };
        if (cf::transform_reduce(pool, numbers, 0, sum, Body(2)) != 2 * 780) judge.wrong("transform_reduce: wrong value");
    });
    judge.attempt("sort", [&] {
        std::vector<int> many(5000);
        for (int i = 0; i < 5000; ++i) many[static_cast<std::size_t>(i)] = i * 7919 % 5000;
        cf::sort(pool, many, [](int a, int b) {
            use(Hook::comparison);
            return a < b;
        });
        if (!std::is_sorted(many.begin(), many.end())) judge.wrong("sort: not sorted");
    });
}

template <class Pool>
void do_work(Pool& pool, Judge& judge, Futures& futures) {
    submit_calls(pool, judge, futures);
    add_dependents(pool, judge, futures);
    use_failure(pool, judge);
    use_maps(pool, judge);
    if constexpr (in_this_process<Pool>) use_algorithms(pool, judge);
    for (const auto& [right, future] : futures.products) judge.expect("a call", future, right);
    for (const auto& future : futures.others) judge.expect("a call with options", future, 20);
    judge.attempt("the last handle", [&] {
        if (Result(pool.submit(Callable(2), Argument(3)).result()).n != 6) judge.wrong("the last handle: wrong value");
    });
}

/// Nothing throws any more.
template <class Pool>
void expect_usable(Pool& pool, Judge& judge) {
    shared().number.store(0, std::memory_order_relaxed);
    if constexpr (!std::is_same_v<Pool, cf::InlineExecutor>)
        if (pool.is_broken())
            return judge.attempt("the broken pool", [&] {
                pool.submit(Callable(2), Argument(2));
                judge.wrong("the broken pool takes a task");
            });
    try {
        if (pool.submit(Callable(2), Argument(2)).result(patience).n != 4) judge.wrong("afterwards: wrong value");
    } catch (const std::exception& error) {
        judge.wrong(std::string("afterwards: ") + error.what());
    }
}

template <class Pool>
void use_pool(Pool& pool, Judge& judge) {
    Futures futures;
    do_work(pool, judge, futures);
    expect_usable(pool, judge);
    pool.shutdown();
    for (const auto& product : futures.products)
        if (!product.second.done()) judge.wrong("a call has not ended with the pool");
    if (futures.callbacks.load(std::memory_order_relaxed) != futures.callbacks_added)
        judge.wrong("of " + std::to_string(futures.callbacks_added) + " callbacks " +
                    std::to_string(futures.callbacks.load(std::memory_order_relaxed)) + " have run");
}

void run_executor(Executor executor, Judge& judge) {
    const auto ignore = [](const std::exception_ptr&) { use(Hook::unhandled_call); };
    switch (executor) {
        case Executor::inlined: {
            cf::InlineExecutor pool;
            return use_pool(pool, judge);
        }
        case Executor::threads: {
            cf::ThreadPoolOptions options{.max_workers = 2};
            options.initializer = Initializer(1);
            options.worker_exit = Exit(1);
            options.on_unhandled_exception = ignore;
            options.observer = std::make_shared<Watcher>();
            cf::ThreadPoolExecutor pool(options);
            return use_pool(pool, judge);
        }
        case Executor::spawn:
        case Executor::fork: {
            cf::ProcessPoolOptions options{
                .max_workers = 1, .start_method = executor == Executor::spawn ? cf::StartMethod::spawn : cf::StartMethod::fork};
            options.initializer = cf::bind_task(Initializer(1));
            options.worker_exit = cf::bind_task(Exit(1));
            options.on_unhandled_exception = ignore;
            options.observer = std::make_shared<Watcher>();
            cf::ProcessPoolExecutor pool(options);
            return use_pool(pool, judge);
        }
    }
}

// ---- one case ----

std::size_t entries_of(const char* folder) {
    std::size_t count = 0;
    DIR* const directory = ::opendir(folder);
    while (::readdir(directory)) ++count;
    ::closedir(directory);
    return count;
}

std::string run_case(const Case& which) {
    const std::size_t descriptors = entries_of("/proc/self/fd"), threads = entries_of("/proc/self/task");
    Judge judge(which);
    Shared& state = shared();
    state.hook = static_cast<int>(which.hook);
    state.mode = static_cast<int>(which.mode);
    state.uses = state.thrown = 0;
    state.number = which.number;
    judge.attempt("the pool", [&] { run_executor(which.executor, judge); });
    state.number = 0;
    if (!support::eventually([&] { return alive.load(std::memory_order_relaxed) == 0; }, patience))
        judge.wrong(std::to_string(alive.exchange(0)) + " objects are left");
    if (!support::eventually([&] { return support::children_of(::getpid()).empty(); }, patience))
        judge.wrong("a child is left: " + support::describe(support::children_of(::getpid()).front()));
    if (!support::eventually([&] { return entries_of("/proc/self/fd") == descriptors; }, patience))
        judge.wrong("descriptors are left open");
    if (!support::eventually([&] { return entries_of("/proc/self/task") == threads; }, patience))
        judge.wrong("threads are left");
    return judge.verdict();
}

// ---- all cases, in processes that are watched ----

struct Series {
    Case next;  // number: of the next case
    bool over = false;
};

/// Shared with the child that runs cases.
struct Progress {
    std::atomic<std::size_t> at{0}, cases{0}, wrong{0};  // at: the series that is run
    std::atomic<std::uint64_t> thrown{0};
    std::array<Series, executor_names.size() * hook_names.size() * mode_names.size()> series{};
    std::size_t count = 0;
};

Progress& progress() {
    static Progress* const mapped = ::new (
        ::mmap(nullptr, sizeof(Progress), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)) Progress;
    return *mapped;
}

void report_failure(const std::string& text, const std::string& why) {
    std::printf("FAILED: %s\n%s", text.c_str(), why.c_str());
    std::fflush(stdout);
    progress().wrong.fetch_add(1);
}

/// The next case of one series; it is over when the hook was not used often enough.
void run_next(Series& series) {
    const Case which = series.next;
    const std::uint64_t step = which.number < 64 ? 1 : which.number / 4;
    const std::string why = run_case(which);
    if (!why.empty()) report_failure(which.text(), why);
    progress().cases.fetch_add(1);
    progress().thrown.fetch_add(shared().thrown);
    series.over = shared().thrown == 0;
    series.next.number += step;
}

using Clock = std::chrono::steady_clock;

/// One case of each series, then the next one of each.
void run_from(std::size_t first, Clock::time_point end) {
    if (support::thread_sanitized) std::thread([] {}).join();  // which starts a thread of its own beside the first one
    Progress& all = progress();
    for (bool any = true; any;) {
        any = false;
        for (std::size_t i = first; i < all.count; ++i) {
            if (all.series[i].over) continue;
            if (Clock::now() >= end) return;
            all.at = i;
            run_next(all.series[i]);
            any = true;
        }
        any = any || first > 0;
        first = 0;
    }
}

void show_stacks(pid_t process) {
    const std::string command = "gdb --nx --batch -ex 'thread apply all backtrace 20' -p " + std::to_string(process) +
                                " 2>/dev/null | grep '^[#T]' || true";
    if (std::system(command.c_str()) != 0) std::puts("no gdb");
}

/// Waits for the child; kills it when it makes no progress. False when it did not end as it should.
bool watch(pid_t child, std::string& why) {
    const cf::detail::FileDescriptor ended_fd = cf::detail::open_pidfd(child);
    std::size_t seen = progress().cases.load();
    auto since = Clock::now();
    for (;;) {
        int status = 0;
        if (::waitpid(child, &status, WNOHANG) == child) {
            if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return true;
            why = WIFSIGNALED(status) ? std::string("    ended by ") + ::strsignal(WTERMSIG(status)) + "\n"
                                      : "    ended with " + std::to_string(WEXITSTATUS(status)) + "\n";
            return false;
        }
        if (progress().cases.load() != seen) {
            seen = progress().cases.load();
            since = Clock::now();
        } else if (Clock::now() - since > 2 * patience) {
            why = "    it hangs\n";
            show_stacks(child);
            ::kill(child, SIGKILL);
            ::waitpid(child, &status, 0);
            return false;
        }
        pollfd end{ended_fd.get(), POLLIN, 0};
        ::poll(&end, 1, 500);
    }
}

void fill_series(const std::string& only) {
    Progress& all = progress();
    for (std::size_t executor = 0; executor < executor_names.size(); ++executor)
        for (std::size_t hook = 0; hook < hook_names.size(); ++hook)
            for (std::size_t mode = 0; mode < mode_names.size(); ++mode) {
                const Case first{static_cast<Executor>(executor), static_cast<Hook>(hook), static_cast<Mode>(mode), 1};
                if (support::thread_sanitized && first.executor == Executor::fork) continue;  // it cannot follow
                if (first.text().find(only) != std::string::npos) all.series[all.count++] = {first, false};
            }
}

int run_all(std::chrono::seconds budget, const std::string& only) {
    ::prctl(PR_SET_CHILD_SUBREAPER, 1);
    const support::ProcessLog file;
    ::truncate(file.path().c_str(), sizeof(Shared)) == 0 ? void() : std::abort();
    ::setenv(variable, file.path().c_str(), 1);
    fill_series(only);
    const auto began = Clock::now();
    for (std::size_t from = 0;;) {
        std::fflush(stdout);
        const pid_t child = ::fork();
        if (child == 0) {
            run_from(from, began + budget);
            std::fflush(stdout);
            std::exit(0);  // with the leak check of a sanitizer
        }
        std::string why;
        if (watch(child, why)) break;
        Series& at = progress().series[progress().at];
        report_failure(at.next.text(), why);
        progress().cases.fetch_add(1);
        at.next.number += 1;
        at.over = at.next.number > 200;
        from = progress().at + 1;
    }
    while (::waitpid(-1, nullptr, WNOHANG) > 0) {
    }
    std::size_t over = 0;
    for (std::size_t i = 0; i < progress().count; ++i) over += progress().series[i].over;
    std::printf("%zu cases of %zu kinds, %zu of them to the end; the hooks threw %llu times, %lld s: %zu wrong\n",
                progress().cases.load(), progress().count, over, static_cast<unsigned long long>(progress().thrown.load()),
                static_cast<long long>(std::chrono::duration_cast<std::chrono::seconds>(Clock::now() - began).count()),
                progress().wrong.load());
    return progress().wrong.load() == 0 ? 0 : 1;
}

}  // namespace
}  // namespace hooks

int main(int argc, char** argv) {
    cf::process_main(argc, argv);
    cf::register_exception<hooks::Failure>();
    std::chrono::seconds budget = 6s;
    std::string only;
    for (int i = 1; i < argc; ++i) {
        const std::string word = argv[i];
        if (word == "--all")
            budget = 24h;
        else if (word == "--seconds" && i + 1 < argc)
            budget = std::chrono::seconds(std::atoi(argv[++i]));
        else if (word == "--only" && i + 1 < argc)
            only = argv[++i];
        else
            return std::fprintf(stderr, "unknown option %s\n", argv[i]), 2;
    }
    return hooks::run_all(budget, only);
}
