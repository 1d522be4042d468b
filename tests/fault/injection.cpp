// SPDX-License-Identifier: MIT
//
// injection.cpp: pools at work while one call to the system after the other fails.
//
//     fault_injection [--seconds 6 | --all] [--seed 1] [--only TEXT]
//
// Each scenario runs once undisturbed, which tells how often it makes each call. Then again for each call,
// each error that it may give, once or from then on, in the pool's process or in its workers, for the
// first, second, … of these calls: all of them, or as many as fit into the time, in an order that has every
// kind of failure before the second of any. What must hold:
//
//   - a constructor or submit throws what is documented, or every future ends, with the right value or a
//     documented error; after an interruption, a short transfer and the like with the right value only;
//   - a failure in a worker costs one call at most;
//   - no thread, descriptor or process is left (and no memory, under AddressSanitizer);
//   - nobody hangs, nobody aborts: each case runs in a process that another one watches over.
//
// With --only, the cases whose line contains TEXT. Results: README.md beside this file.
#include <concurrent/futures.hpp>
#include <dirent.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <random>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <vector>

#include "fault/faults.hpp"
#include "support/deadline.hpp"
#include "support/eventually.hpp"
#include "support/processes.hpp"

namespace cf = concurrent::futures;
using namespace std::chrono_literals;

namespace {

// ---- calls ----

int square(int n) { return n * n; }
int refuse(int n) { throw std::domain_error("not " + std::to_string(n)); }
std::vector<char> same(const std::vector<char>& bytes) { return bytes; }
cf::SharedArray<int> doubled(const cf::SharedArray<int>& array) {
    cf::SharedArray<int> result(array.size());
    for (std::size_t i = 0; i < array.size(); ++i) result[i] = 2 * array[i];
    return result;
}
int first_of(const std::vector<int>& values) { return values.at(0); }
int die() { return ::raise(SIGKILL); }
int sleep_for_ever() {
    for (;;) ::pause();
}
int until_stopped(std::stop_token token) {
    while (!token.stop_requested()) std::this_thread::yield();
    return 1;
}

// ---- what came of them ----

constexpr std::chrono::milliseconds patience = support::deadline(10s);

enum class Rule { exact, one_lost_at_most, documented };

/// Collects what is wrong in one case.
class Judge {
  public:
    explicit Judge(Rule rule) : rule_(rule) {}

    void wrong(const std::string& text) {
        const fault::Quiet quiet;
        wrong_ += "    " + text + "\n";
    }
    /// In a catch block: of a constructor or a submission, or of a future that should have had a value.
    void accept_error(const char* what) {
        const fault::Quiet quiet;
        try {
            throw;
        } catch (const cf::TimeoutError&) {
            wrong(std::string(what) + " did not end");
        } catch (const cf::WorkerDiedError& error) {
            if (lost_.empty() || lost_.back() != what) lost_.push_back(what);  // items of map travel together
            if (rule_ == Rule::exact || (rule_ == Rule::one_lost_at_most && lost_.size() > 1))
                wrong(std::string(what) + ": " + error.what() + " Lost first: " + lost_.front());
        } catch (const cf::SerializationError& error) {  // shared memory that did not come
            lost_.push_back(what);
            if (rule_ == Rule::exact || (rule_ == Rule::one_lost_at_most && lost_.size() > 1))
                wrong(std::string(what) + ": " + error.what() + " Lost first: " + lost_.front());
        } catch (const std::bad_alloc&) {
            if (rule_ == Rule::exact) wrong(std::string(what) + ": std::bad_alloc");
        } catch (const std::exception& error) {
            const bool documented = dynamic_cast<const cf::Error*>(&error) ||
                                    dynamic_cast<const std::system_error*>(&error);
            // It makes an array in the worker, and may throw what that throws.
            const bool its_own = rule_ == Rule::one_lost_at_most && lost_.empty() &&
                                 std::string_view(what) == sharing && dynamic_cast<const std::system_error*>(&error);
            if (its_own) return lost_.push_back(what);
            if (!documented || rule_ != Rule::documented) wrong(std::string(what) + ": " + error.what());
        } catch (...) {
            wrong(std::string(what) + ": something that is no std::exception");
        }
    }
    template <class T, class Right>
    void expect(const char* what, const cf::Future<T>& future, Right right) {
        if (!future.valid()) return;  // not submitted
        try {
            if (!right(future.result(patience))) wrong(std::string(what) + ": wrong value");
        } catch (...) {
            accept_error(what);
        }
    }
    template <class Expected, class T>
    void expect_error(const char* what, const cf::Future<T>& future) {
        if (!future.valid()) return;
        try {
            future.result(patience);
            wrong(std::string(what) + " had a value");
        } catch (const Expected& error) {
            if (dynamic_cast<const cf::TimeoutError*>(&error)) wrong(std::string(what) + " did not end");
        } catch (...) {
            accept_error(what);
        }
    }
    template <class T>
    void must_be_done(const char* what, const cf::Future<T>& future) {
        if (future.valid() && !future.done()) wrong(std::string(what) + " is not done after the pool's end");
    }
    const std::string& verdict() const { return wrong_; }

    static constexpr const char* sharing = "the call with a SharedArray";

  private:
    const Rule rule_;
    std::string wrong_;
    std::vector<const char*> lost_;
};

// ---- scenarios ----

const std::vector<char> large(300'000, 'x');
const std::vector<int> numbers{1, 2, 3, 4, 5, 6};

template <class Pool>
void use_map(Pool& pool, Judge& judge) {
    try {
        auto squares = pool.map({.chunksize = 2}, square, numbers);
        int n = 0;
        for (auto item = squares.begin(); item != squares.end(); ++item) {
            ++n;
            try {
                if (*item != n * n) judge.wrong("map: wrong value");
            } catch (...) {
                judge.accept_error("an item of map");
            }
        }
        if (n != 6) judge.wrong("map: " + std::to_string(n) + " items");
    } catch (...) {
        judge.accept_error("map");
    }
}

template <class T, class... Args>
void try_submit(Judge& judge, cf::Future<T>& future, auto& pool, const Args&... args) {
    try {
        future = pool.submit(args...);
    } catch (...) {
        judge.accept_error("submit");
    }
}

struct ProcessCalls {
    std::array<cf::Future<int>, 6> squares;
    cf::Future<int> throws, dies, late, stopped, cancelled;
    cf::Future<std::vector<char>> copied;
    cf::Future<cf::SharedArray<int>> shared;
    std::array<cf::Future<int>, 2> broadcast;
};

void share_memory(cf::ProcessPoolExecutor& pool, Judge& judge, ProcessCalls& calls) {
    try {
        const cf::SharedArray<int> array(1000, 21);
        calls.shared = pool.submit(doubled, array);
        const auto values = cf::broadcast(std::vector<int>(1000, 5));
        for (auto& each : calls.broadcast) each = pool.submit(first_of, values);
    } catch (...) {
        judge.accept_error("submit with shared memory");
    }
}

void use_processes(cf::StartMethod method, Judge& judge, ProcessCalls& calls) {
    cf::ProcessPoolOptions options{.max_workers = 2, .start_method = method, .stop_grace = 100ms};
    if (!support::sanitized) options.max_memory_bytes = std::size_t{4} << 30;
    cf::ProcessPoolExecutor pool(options);
    for (int i = 0; i < 3; ++i) try_submit(judge, calls.squares[static_cast<std::size_t>(i)], pool, square, i);
    try_submit(judge, calls.copied, pool, same, large);
    share_memory(pool, judge, calls);
    try_submit(judge, calls.throws, pool, refuse, 7);
    try_submit(judge, calls.dies, pool, die);
    try_submit(judge, calls.late, pool, cf::TaskOptions{.timeout = 2ms}, sleep_for_ever);
    try_submit(judge, calls.cancelled, pool, square, 9);
    for (int i = 3; i < 6; ++i) try_submit(judge, calls.squares[static_cast<std::size_t>(i)], pool, square, i);
    if (calls.cancelled.valid()) calls.cancelled.cancel();
    judge.expect("the large call", calls.copied, [](const std::vector<char>& bytes) { return bytes == large; });
    judge.expect(Judge::sharing, calls.shared,
                 [](const cf::SharedArray<int>& array) { return array.size() == 1000 && array[999] == 42; });
    for (const auto& each : calls.broadcast)
        judge.expect("a call with a broadcast", each, [](int value) { return value == 5; });
    judge.expect_error<std::domain_error>("the call that throws", calls.throws);
    judge.expect_error<cf::WorkerDiedError>("the call that dies", calls.dies);
    judge.expect_error<cf::TaskTimeoutError>("the call that never ends", calls.late);
    try_submit(judge, calls.stopped, pool, until_stopped);
    for (int looks = 0; calls.stopped.valid() && !calls.stopped.running() && looks < 1000; ++looks)
        std::this_thread::yield();  // most often it runs when it is asked to stop
    if (calls.stopped.valid()) calls.stopped.request_stop();
    try {
        if (calls.stopped.valid()) calls.stopped.result(patience);
    } catch (const cf::CancelledError&) {
    } catch (...) {
        judge.accept_error("the call that is stopped");
    }
    for (std::size_t i = 0; i < 6; ++i)
        judge.expect("square", calls.squares[i],
                     [&](int value) { return value == static_cast<int>(i * i); });
    use_map(pool, judge);
    pool.shutdown();
}

void run_processes(cf::StartMethod method, Judge& judge) {
    ProcessCalls calls;
    try {
        use_processes(method, judge, calls);
    } catch (...) {
        judge.accept_error("the pool");
    }
    for (const auto& future : calls.squares) judge.must_be_done("square", future);
    for (const auto* future : {&calls.throws, &calls.dies, &calls.late, &calls.stopped, &calls.cancelled})
        judge.must_be_done("a call", *future);
    judge.must_be_done("the large call", calls.copied);
    judge.must_be_done(Judge::sharing, calls.shared);
    for (const auto& each : calls.broadcast) judge.must_be_done("a call with a broadcast", each);
}

struct ThreadCalls {
    std::array<cf::Future<int>, 6> squares;
    cf::Future<int> throws, then, cancelled, timed;
    cf::Future<std::vector<char>> copied;
};

void use_threads(Judge& judge, ThreadCalls& calls) {
    cf::ThreadPoolExecutor pool({.max_workers = 2});
    for (int i = 0; i < 6; ++i) try_submit(judge, calls.squares[static_cast<std::size_t>(i)], pool, square, i);
    try_submit(judge, calls.copied, pool, same, large);
    try_submit(judge, calls.throws, pool, refuse, 7);
    try_submit(judge, calls.cancelled, pool, square, 9);
    try_submit(judge, calls.timed, pool, cf::TaskOptions{.timeout = 1ms, .retries = 1}, until_stopped);
    if (calls.cancelled.valid()) calls.cancelled.cancel();
    try {
        if (calls.squares[0].valid()) calls.then = calls.squares[0].then(pool, square);
    } catch (...) {
        judge.accept_error("then");
    }
    judge.expect("the large call", calls.copied, [](const std::vector<char>& bytes) { return bytes == large; });
    judge.expect_error<std::domain_error>("the call that throws", calls.throws);
    for (std::size_t i = 0; i < 6; ++i)
        judge.expect("square", calls.squares[i],
                     [&](int value) { return value == static_cast<int>(i * i); });
    judge.expect("then", calls.then, [](int value) { return value == 0; });
    judge.expect_error<cf::TaskTimeoutError>("the call that is stopped", calls.timed);
    use_map(pool, judge);
    try {
        pool.post(square, 1);
    } catch (...) {
        judge.accept_error("post");
    }
    pool.shutdown();
}

void run_threads(Judge& judge) {
    ThreadCalls calls;
    try {
        use_threads(judge, calls);
    } catch (...) {
        judge.accept_error("the pool");
    }
    for (const auto& future : calls.squares) judge.must_be_done("square", future);
    for (const auto* future : {&calls.throws, &calls.then, &calls.cancelled, &calls.timed})
        judge.must_be_done("a call", *future);
    judge.must_be_done("the large call", calls.copied);
}

enum class Scenario { spawn, fork, threads };
constexpr std::array<const char*, 3> scenario_names{"spawn", "fork", "threads"};

// ---- one case ----

struct Case {
    Scenario scenario{};
    fault::Fault fault{};

    std::string text() const {
        const std::string name = scenario_names[static_cast<std::size_t>(scenario)];
        return fault.number == 0 ? name + ", undisturbed" : name + ", " + fault::describe(fault);
    }
    Rule rule() const {
        using fault::Call;
        if (fault.number == 0) return Rule::exact;
        const bool in_worker = fault.side == fault::Side::workers;
        // On a worker's pipes, which block, this is a failure.
        if (fault::is_harmless(fault.call, fault.effect) && !(in_worker && fault.effect == EAGAIN))
            return Rule::exact;
        // In a template's process more can be lost. A worker that gets no memory, or that cannot limit it as
        // the options ask, says so before it is ready, and that breaks the pool.
        const bool before_ready = fault.call == Call::new_ || fault.call == Call::mmap ||
                                  fault.call == Call::getrlimit || fault.call == Call::setrlimit;
        if (in_worker && scenario == Scenario::spawn && fault.mode == fault::Mode::once && !before_ready)
            return Rule::one_lost_at_most;
        return Rule::documented;
    }
};

std::size_t entries_of(const char* folder) {
    std::size_t count = 0;
    DIR* const directory = ::opendir(folder);
    while (::readdir(directory)) ++count;
    ::closedir(directory);
    return count;
}

std::string run_case(const Case& which, fault::Injector& injector, fault::Report& report) {
    const std::size_t descriptors = entries_of("/proc/self/fd");
    const std::size_t threads = entries_of("/proc/self/task");
    Judge judge(which.rule());
    injector.arm(which.fault);
    if (which.scenario == Scenario::threads)
        run_threads(judge);
    else
        run_processes(which.scenario == Scenario::spawn ? cf::StartMethod::spawn : cf::StartMethod::fork,
                      judge);
    report = injector.disarm();
    if (!support::eventually([&] { return support::children_of(::getpid()).empty(); }, patience))
        judge.wrong("a child is left: " + support::describe(support::children_of(::getpid()).front()));
    if (!support::eventually([&] { return entries_of("/proc/self/fd") == descriptors; }, patience))
        judge.wrong("descriptors: " + std::to_string(descriptors) + " before, " +
                    std::to_string(entries_of("/proc/self/fd")) + " after");
    if (!support::eventually([&] { return entries_of("/proc/self/task") == threads; }, patience))
        judge.wrong("threads: " + std::to_string(threads) + " before, " +
                    std::to_string(entries_of("/proc/self/task")) + " after");
    return judge.verdict();
}

// ---- all cases ----

/// What the process that runs the cases tells the one that watches.
struct Progress {
    std::atomic<std::size_t> next{0};  // the case that is run, or will be
    std::atomic<std::size_t> failures{0};
    std::atomic<std::size_t> disturbed{0};  // cases in which a call has failed
    std::atomic<std::uint64_t> faults{0};
    std::array<fault::Report, 3> undisturbed{};
};

Progress& progress() {
    static Progress* const shared = ::new (
        ::mmap(nullptr, sizeof(Progress), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)) Progress;
    return *shared;
}

struct Options {
    std::chrono::seconds budget = 6s;
    bool all = false;
    unsigned seed = 1;
    std::string only{};
};

/// The calls of the first run, each to fail: by rounds, each with one case of every kind.
std::vector<Case> all_cases(const Options& options) {
    using fault::Call, fault::Mode, fault::Side;
    std::vector<std::pair<std::size_t, Case>> by_round;
    std::minstd_rand random(options.seed);
    for (const Scenario scenario : {Scenario::spawn, Scenario::fork, Scenario::threads}) {
        const fault::Report& report = progress().undisturbed[static_cast<std::size_t>(scenario)];
        for (const Side side : {Side::pool, Side::workers})
            for (std::size_t call = 0; call < fault::call_count; ++call)
                for (const int effect : fault::effects_of(static_cast<Call>(call)))
                    for (const Mode mode : {Mode::once, Mode::from_here_on}) {
                        const std::uint64_t count = report.calls[static_cast<std::size_t>(side)][call];
                        std::vector<std::uint64_t> order(count);
                        for (std::uint64_t k = 0; k < count; ++k) order[k] = k + 1;
                        std::shuffle(order.begin(), order.end(), random);
                        for (std::size_t round = 0; round < order.size(); ++round) {
                            const Case each{scenario, {static_cast<Call>(call), effect, side, order[round], mode}};
                            if (each.text().find(options.only) != std::string::npos)
                                by_round.emplace_back(round, each);
                        }
                    }
    }
    std::shuffle(by_round.begin(), by_round.end(), random);
    std::stable_sort(by_round.begin(), by_round.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
    std::vector<Case> cases;
    for (const auto& [round, each] : by_round) cases.push_back(each);
    return cases;
}

void report_failure(const std::string& text, const std::string& why) {
    std::printf("FAILED: %s\n%s", text.c_str(), why.c_str());
    std::fflush(stdout);
    progress().failures.fetch_add(1);
}

void show_stacks(pid_t process) {
    const std::string command = "gdb --nx --batch -ex 'thread apply all backtrace 20' -p " +
                                std::to_string(process) + " 2>/dev/null | grep '^[#T]' || true";
    if (std::system(command.c_str()) != 0) std::puts("no gdb");
}

template <class Run>
pid_t in_child(Run run) {
    std::fflush(stdout);
    const pid_t child = ::fork();
    if (child == 0) {
        std::set_terminate([] {
            const fault::Quiet quiet;
            show_stacks(::getpid());
            std::abort();
        });
        run();
        std::fflush(stdout);
        std::exit(0);  // with the leak check of a sanitizer
    }
    return child;
}

/// Waits for the child; kills it when it makes no progress. False when it did not end as it should.
bool watch(pid_t child, std::string& why) {
    constexpr auto limit = 2 * patience;
    const fault::Quiet quiet;
    const cf::detail::FileDescriptor ended_fd = cf::detail::open_pidfd(child);
    std::size_t seen = progress().next.load();
    auto since = std::chrono::steady_clock::now();
    for (;;) {
        int status = 0;
        const pid_t ended = ::waitpid(child, &status, WNOHANG);
        if (ended == child && WIFEXITED(status) && WEXITSTATUS(status) == 0) return true;
        if (ended == child) {
            why += WIFSIGNALED(status) ? std::string("    ended by ") + ::strsignal(WTERMSIG(status)) + "\n"
                                       : "    ended with " + std::to_string(WEXITSTATUS(status)) + "\n";
            return false;
        }
        const auto now = std::chrono::steady_clock::now();
        if (progress().next.load() != seen) {
            seen = progress().next.load();
            since = now;
        } else if (now - since > limit) {
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

void run_from(const std::vector<Case>& cases, std::size_t first,
              std::chrono::steady_clock::time_point end, fault::Injector& injector) {
    for (std::size_t i = first; i < cases.size() && std::chrono::steady_clock::now() < end; ++i) {
        progress().next.store(i);
        fault::Report report;
        const std::string why = run_case(cases[i], injector, report);
        if (!why.empty()) report_failure(cases[i].text(), why);
        progress().disturbed.fetch_add(report.failed > 0);
        progress().faults.fetch_add(report.failed);
        progress().next.store(i + 1);
    }
}

int run_all(const Options& options) {
    ::prctl(PR_SET_CHILD_SUBREAPER, 1);
    fault::Injector injector;
    progress();  // before the first child, which is to share it
    std::string why;
    const pid_t first = in_child([&] {
        for (const Scenario scenario : {Scenario::spawn, Scenario::fork, Scenario::threads}) {
            const Case undisturbed{scenario, {}};
            const std::string wrong =
                run_case(undisturbed, injector, progress().undisturbed[static_cast<std::size_t>(scenario)]);
            if (!wrong.empty()) report_failure(undisturbed.text(), wrong);
        }
    });
    if (!watch(first, why)) report_failure("undisturbed", why);
    const std::vector<Case> cases = all_cases(options);
    const auto began = std::chrono::steady_clock::now();
    const auto end = began + (options.all ? std::chrono::seconds(24h) : options.budget);
    while (progress().next.load() < cases.size() && std::chrono::steady_clock::now() < end) {
        const std::size_t from = progress().next.load();
        why.clear();
        const pid_t child = in_child([&] { run_from(cases, from, end, injector); });
        if (watch(child, why)) break;
        const std::size_t at = progress().next.load();
        report_failure(at < cases.size() ? cases[at].text() : "at its end", why);
        progress().next.store(at + 1);
    }
    while (::waitpid(-1, nullptr, WNOHANG) > 0) {
    }
    const auto seconds =
        std::chrono::duration_cast<std::chrono::seconds>(std::chrono::steady_clock::now() - began).count();
    std::printf("%zu of %zu cases, seed %u, %zu of them disturbed, %llu calls failed, %lld s: %zu wrong\n",
                std::min(progress().next.load(), cases.size()), cases.size(), options.seed,
                progress().disturbed.load(), static_cast<unsigned long long>(progress().faults.load()),
                static_cast<long long>(seconds), progress().failures.load());
    return progress().failures.load() == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
    cf::process_main(argc, argv);
    Options options;
    for (int i = 1; i < argc; ++i) {
        const std::string word = argv[i];
        const char* const value = i + 1 < argc ? argv[i + 1] : "";
        if (word == "--all") {
            options.all = true;
            continue;
        }
        if (word == "--seconds") options.budget = std::chrono::seconds(std::atoi(value));
        else if (word == "--seed") options.seed = static_cast<unsigned>(std::atoi(value));
        else if (word == "--only") options.only = value;
        else return std::fprintf(stderr, "unknown option %s\n", argv[i]), 2;
        ++i;
    }
    return run_all(options);
}
