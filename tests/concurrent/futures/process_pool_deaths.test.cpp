// SPDX-License-Identifier: MIT
//
// Workers that die: the right call fails, with the right words, and nothing else is lost or run twice.
#include <concurrent/futures/process_pool_executor.hpp>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cinttypes>
#include <cstddef>
#include <cstdio>
#include <deque>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "concurrent/futures/process_pool.hpp"
#include "support/file_size_limit.hpp"
#include "support/processes.hpp"

namespace process_pools {
namespace {

// ---- ways to die ----

/// Descriptors of this process, standard streams left out.
std::vector<int> own_descriptors() {
    std::vector<int> found;
    DIR* const folder = ::opendir("/proc/self/fd");
    while (const dirent* const entry = ::readdir(folder)) {
        const int fd = std::atoi(entry->d_name);
        if (fd > 2 && fd != ::dirfd(folder)) found.push_back(fd);
    }
    ::closedir(folder);
    return found;
}

[[noreturn]] void wait_for_the_end() {
    for (;;) ::pause();
}

/// Says in which process it runs, then ends that in the given way.
int die(const std::string& log, const std::string& how) {
    support::append_line(log, std::to_string(::getpid()));
    if (how == "SIGKILL") ::kill(::getpid(), SIGKILL);
    if (how == "SIGSEGV") {
        ::signal(SIGSEGV, SIG_DFL);  // a sanitizer would report it and exit
        ::raise(SIGSEGV);
    }
    if (how == "abort") std::abort();
    if (how == "exit(0)") std::exit(0);
    if (how == "exit(3)") std::exit(3);
    if (how == "_exit(7)") ::_exit(7);
    if (how == "std::terminate") std::terminate();
    if (how == "closes everything") {
        for (const int fd : own_descriptors()) ::close(fd);
        wait_for_the_end();
    }
    return 0;
}

/// Writes all over the descriptors that it finds. How many of them were pipes that somebody reads.
int write_into_all_pipes() {
    ::signal(SIGPIPE, SIG_IGN);  // of others nobody does
    int pipes = 0;
    for (const int fd : own_descriptors()) {
        struct stat about {};
        const bool is_pipe = ::fstat(fd, &about) == 0 && S_ISFIFO(about.st_mode);
        if (!is_pipe || (::fcntl(fd, F_GETFL) & O_ACCMODE) != O_WRONLY) continue;
        const std::string garbage(1000, 'x');
        pipes += ::write(fd, garbage.data(), garbage.size()) > 0;
    }
    return pipes;
}

struct Death {
    std::string how;
    std::optional<int> exit_code;
    std::optional<int> signal;
    std::string words;
};

std::vector<Death> deaths() {
    return {{"SIGKILL", {}, SIGKILL, "was killed by signal 9 (Killed)"},
            {"SIGSEGV", {}, SIGSEGV, "was killed by signal 11 (Segmentation fault)"},
            {"abort", {}, SIGABRT, "was killed by signal 6 (Aborted)"},
            {"exit(0)", 0, {}, "ended with exit code 0"},
            {"exit(3)", 3, {}, "ended with exit code 3"},
            {"_exit(7)", 7, {}, "ended with exit code 7"},
            {"std::terminate", {}, SIGABRT, "was killed by signal 6 (Aborted)"},
            {"closes everything", {}, SIGKILL, "it closed its results pipe"}};
}

/// What is written on standard error while this lives goes nowhere: std::terminate talks.
class Silence {
  public:
    Silence() : before_(::dup(STDERR_FILENO)) {
        const int nothing = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
        ::dup2(nothing, STDERR_FILENO);
        ::close(nothing);
    }
    ~Silence() {
        ::dup2(before_, STDERR_FILENO);
        ::close(before_);
    }
    Silence(const Silence&) = delete;
    Silence& operator=(const Silence&) = delete;

  private:
    const int before_;
};

PROCESS_CASE("whichever way a worker dies, its call alone fails and says how") {
    const Silence silence;
    for (const std::size_t workers : {1U, 2U, 5U}) {
        cf::ProcessPoolExecutor pool(TestType::with({.max_workers = workers}));
        std::size_t submitted = 0;
        std::size_t died = 0;
        for (const Death& death : deaths()) {
            INFO(death.how << " among " << workers << " workers");
            support::ProcessLog log;
            support::ProcessLog victim_log;
            std::vector<cf::Future<int>> others;
            for (int i = 0; i < 10; ++i) others.push_back(pool.submit(record, log.path(), i));
            const auto victim =
                pool.submit({.name = "the victim"}, die, victim_log.path(), death.how);
            for (int i = 10; i < 20; ++i) others.push_back(pool.submit(record, log.path(), i));
            submitted += 21;

            const auto error = error_of<cf::WorkerDiedError>(victim);
            REQUIRE(victim_log.lines().size() == 1);
            CHECK(std::to_string(error.pid()) == victim_log.lines()[0]);
            CHECK(error.exit_code() == death.exit_code);
            CHECK(error.signal() == death.signal);
            CHECK_THAT(error.what(),
                       ContainsSubstring("worker process " + victim_log.lines()[0]) &&
                           ContainsSubstring(death.words) &&
                           ContainsSubstring("task " + std::to_string(submitted - 10)) &&
                           ContainsSubstring("\"the victim\""));
            for (int i = 0; i < 20; ++i)
                CHECK(others[static_cast<std::size_t>(i)].result(support::deadline(30s)) == i);
            CHECK(recorded(log) == numbers_below(20));
            ++died;
            CHECK(pool.stats().worker_restarts == died);
            CHECK(pool.stats().failed == died);
            CHECK(pool.stats().completed == 20 * died);
        }
    }
}

int touch_and_die(std::size_t mebibytes) {
    const std::vector<char> touched(mebibytes << 20, 'x');
    ::kill(::getpid(), SIGKILL);
    return touched.back();
}

PROCESS_CASE("the peak of memory in an error is never the parent's") {
    const std::vector<char> large(std::size_t{300} << 20, 'x');  // exec() hands the peak on, fork() the pages
    REQUIRE(large.back() == 'x');
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 1}));
    const std::string small = error_of<cf::WorkerDiedError>(pool.submit(touch_and_die, std::size_t{4})).what();
    const std::string more = error_of<cf::WorkerDiedError>(pool.submit(touch_and_die, std::size_t{400})).what();
    INFO(small << '\n' << more);
    CHECK_THAT(more, ContainsSubstring("with a peak of "));
    if (TestType::with({}).start_method == cf::StartMethod::spawn) {
        CHECK_THAT(small, !ContainsSubstring("MiB"));
        CHECK_THAT(more, !ContainsSubstring("forked"));
    } else {
        CHECK_THAT(small, ContainsSubstring(" of it there when it was forked"));
    }
}

PROCESS_CASE("what a call writes into its worker's pipe harms nobody") {
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 1}));
    for (int n = 0; n < 20; ++n) {
        CHECK(pool.submit(write_into_all_pipes).result() >= 1);
        CHECK(pool.submit(square, n).result() == n * n);
    }
    CHECK(pool.stats().worker_restarts == 0);
}

PROCESS_CASE("calls given to a worker ahead of time run elsewhere when it dies, once") {
    support::ProcessLog log;
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 1}));
    BusyWorker busy(pool);
    std::vector<cf::Future<int>> others;
    for (int i = 0; i < 40; ++i) others.push_back(pool.submit(record, log.path(), i));
    REQUIRE(::kill(busy.pid(), SIGKILL) == 0);
    const auto error = error_of<cf::WorkerDiedError>(busy.call());
    CHECK(error.pid() == busy.pid());
    CHECK_THAT(error.what(), ContainsSubstring("task 1 \"busy\""));
    for (int i = 0; i < 40; ++i)
        CHECK(others[static_cast<std::size_t>(i)].result(support::deadline(30s)) == i);
    // In the order of submission: one worker, and what came back went to the front of the queue.
    std::vector<std::string> in_order;
    for (int i = 0; i < 40; ++i) in_order.push_back(std::to_string(i));
    CHECK(log.lines() == in_order);
}

PROCESS_CASE("a worker that is killed while it is idle is replaced, and no call notices") {
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 1}));
    const int pid = pool.submit(worker_pid).result();
    REQUIRE(::kill(pid, SIGKILL) == 0);
    CHECK(support::eventually([&] { return pool.stats().worker_restarts == 1; }));
    CHECK(pool.worker_pids().empty());
    CHECK(pool.submit(worker_pid).result() != pid);
    CHECK(pool.stats().failed == 0);
}

PROCESS_CASE("a call that is submitted to a worker just killed runs on the next one") {
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 1}));
    for (int i = 0; i < 20; ++i) {
        const int pid = pool.submit(worker_pid).result();
        kill_idle_worker(pid);
        CHECK(pool.submit(worker_pid).result(support::deadline(30s)) != pid);
    }
}

PROCESS_CASE("all workers may die at once") {
    support::ProcessLog log;
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 2}));
    BusyWorker one(pool);
    BusyWorker two(pool);
    REQUIRE(one.pid() != two.pid());
    std::vector<cf::Future<int>> others;
    for (int i = 0; i < 20; ++i) others.push_back(pool.submit(record, log.path(), i));
    ::kill(one.pid(), SIGKILL);
    ::kill(two.pid(), SIGKILL);
    CHECK(error_of<cf::WorkerDiedError>(one.call()).pid() == one.pid());
    CHECK(error_of<cf::WorkerDiedError>(two.call()).pid() == two.pid());
    for (const auto& other : others) other.result(support::deadline(30s));
    CHECK(recorded(log) == numbers_below(20));
    CHECK(pool.stats().worker_restarts == 2);
}

// ---- on_worker_death ----

/// Dies the first `times` times.
int die_at_first(const std::string& counter, std::size_t times) {
    support::count_event(counter);
    std::ifstream file(counter);
    std::size_t count = 0;
    for (std::string line; std::getline(file, line);) ++count;
    if (count <= times) ::kill(::getpid(), SIGKILL);
    return static_cast<int>(count);
}

PROCESS_CASE("retry_task runs a call again when its worker dies") {
    support::ProcessCounter ran;
    cf::ProcessPoolExecutor pool(TestType::with(
        {.max_workers = 2, .on_worker_death = cf::WorkerDeath::retry_task}));
    std::vector<cf::Future<int>> others;
    for (int i = 0; i < 10; ++i) others.push_back(pool.submit(square, i));
    const auto tried = pool.submit(die_at_first, ran.path(), 2U);
    CHECK(tried.result(support::deadline(30s)) == 3);
    CHECK(ran.value() == 3);
    for (int i = 0; i < 10; ++i) CHECK(others[static_cast<std::size_t>(i)].result() == i * i);
    CHECK(pool.stats().worker_restarts == 2);
    CHECK(pool.stats().failed == 0);
}

PROCESS_CASE("retry_task gives up after three deaths") {
    support::ProcessCounter ran;
    cf::ProcessPoolExecutor pool(TestType::with(
        {.max_workers = 1, .on_worker_death = cf::WorkerDeath::retry_task}));
    const auto error =
        error_of<cf::WorkerDiedError>(pool.submit(die_at_first, ran.path(), 1000U));
    CHECK(ran.value() == 3);
    CHECK_THAT(error.what(), ContainsSubstring("It was attempt 3, the last."));
    CHECK(pool.submit(square, 3).result() == 9);
}

PROCESS_CASE("break_pool fails all other calls and every later one") {
    cf::ProcessPoolExecutor pool(TestType::with(
        {.max_workers = 2, .on_worker_death = cf::WorkerDeath::break_pool}));
    BusyWorker victim(pool);
    BusyWorker other(pool);
    std::vector<cf::Future<int>> queued;
    for (int i = 0; i < 40; ++i) queued.push_back(pool.submit(square, i));
    ::kill(victim.pid(), SIGKILL);
    const auto error = error_of<cf::WorkerDiedError>(victim.call());
    CHECK_THAT(error.what(), ContainsSubstring("The pool is broken"));
    CHECK_THAT(error_of<cf::BrokenProcessPool>(other.call()).what(),
               ContainsSubstring(std::to_string(victim.pid())));
    for (const auto& call : queued) error_of<cf::BrokenProcessPool>(call);
    CHECK_THAT(thrown_by<cf::BrokenProcessPool>([&] { pool.submit(square, 1); }).what(),
               ContainsSubstring("signal 9"));
    CHECK(support::eventually([&] { return pool.worker_pids().empty(); }));
}

PROCESS_CASE("break_pool also when the call that dies overtook those that wait behind it") {
    support::ProcessLog log;
    cf::ProcessPoolExecutor pool(TestType::with(
        {.max_workers = 1, .on_worker_death = cf::WorkerDeath::break_pool}));
    BusyWorker busy(pool);
    std::vector<cf::Future<int>> queued;
    for (int i = 0; i < 40; ++i) queued.push_back(pool.submit(square, i));
    const auto victim =
        pool.submit({.priority = cf::Priority::high}, die, log.path(), "SIGKILL");
    busy.open();
    error_of<cf::WorkerDiedError>(victim);
    std::size_t failed = 0;
    for (const auto& call : queued) failed += call.exception() != nullptr;
    CHECK(failed > 0);
    CHECK_THROWS_AS(pool.submit(square, 1), cf::BrokenProcessPool);
}

// ---- workers that come to nothing ----

/// The worker that this runs in cannot read the calls that come after the initializer, whose padding fills
/// the first page of the ring.
void hide_calls(const std::string& log, const std::string&) {
    using concurrent::futures::detail::ByteRing, concurrent::futures::detail::WorkerPage;
    support::append_line(log, std::to_string(::getpid()));
    const auto page_size = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
    const auto rounded_up = [&](std::uintptr_t n) { return (n + page_size - 1) / page_size * page_size; };
    std::ifstream maps("/proc/self/maps");
    for (std::string line; std::getline(maps, line);) {
        std::uintptr_t begin = 0;
        std::uintptr_t end = 0;
        if (std::sscanf(line.c_str(), "%" SCNxPTR "-%" SCNxPTR, &begin, &end) != 2 ||
            line.find("concurrent_futures") == std::string::npos ||
            end - begin != rounded_up(sizeof(WorkerPage)))
            continue;
        const std::uintptr_t calls = begin + offsetof(WorkerPage, tasks) + offsetof(ByteRing, bytes);
        const std::uintptr_t results = begin + offsetof(WorkerPage, results);
        ::mprotect(reinterpret_cast<void*>(rounded_up(calls)),
                   results / page_size * page_size - rounded_up(calls), PROT_NONE);
    }
}

std::size_t length_of(const std::string& text) { return text.size(); }

PROCESS_CASE("workers that die one after the other before they run a call break the pool") {
    const Silence silence;
    support::ProcessLog log;
    cf::ProcessPoolExecutor pool(TestType::with(
        {.max_workers = 1,
         .initializer = cf::bind_task(hide_calls, log.path(),
                                      std::string(static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)), 'x'))}));
    // A small call comes with the configuration, before the ring is hidden.
    const auto call = pool.submit(length_of, std::string(20'000, 'x'));
    CHECK_THAT(error_of<cf::BrokenProcessPool>(call).what(),
               ContainsSubstring("10 workers in a row died after they were ready and before they ran a "
                                 "task") &&
                   // A sanitizer reports it and exits, where its handler still is.
                   (ContainsSubstring("signal 11") || ContainsSubstring("ended with exit code")));
    // One more may be on its way when how the tenth ended becomes known.
    CHECK(log.lines().size() >= 10);
    CHECK(log.lines().size() <= 11);
}

PROCESS_CASE("workers that are killed while they are idle never break the pool") {
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 1}));
    for (std::size_t i = 1; i <= 15; ++i) {
        const int pid = pool.submit(worker_pid).result();
        ::kill(pid, SIGKILL);
        CHECK(support::eventually([&] { return pool.stats().worker_restarts == i; }));
    }
    CHECK(pool.submit(square, 3).result() == 9);
}

// ---- in the middle of big messages ----

std::size_t size_of(const std::vector<char>& bytes) { return bytes.size(); }
std::vector<char> same_bytes(std::vector<char> bytes) { return bytes; }
std::vector<char> bytes_when_open(const std::string& log, const std::string& gate,
                                  std::size_t size) {
    std::vector<char> bytes(size, 'b');
    support::append_line(log, std::to_string(::getpid()));
    support::wait_at_gate(gate);
    support::append_line(log, "returns");
    return bytes;
}

PROCESS_CASE("a worker that dies while it is sent 10 MB harms nobody") {
    constexpr std::size_t size = 10'000'000;
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 1}));
    BusyWorker busy(pool);
    std::vector<cf::Future<std::size_t>> others;
    for (int i = 0; i < 3; ++i) others.push_back(pool.submit(size_of, std::vector<char>(size)));
    // They are on their way when the manager has given them to the worker, whose ring is full then.
    CHECK(support::eventually([&] { return pool.stats().running == 1 && pool.stats().pending == 3; }));
    ::kill(busy.pid(), SIGKILL);
    CHECK(error_of<cf::WorkerDiedError>(busy.call()).signal() == SIGKILL);
    for (const auto& other : others) CHECK(other.result(support::deadline(30s)) == size);
}

/// A pool whose large messages go through its rings.
struct PoolWithoutSharedMemory {
    explicit PoolWithoutSharedMemory(const cf::ProcessPoolOptions& options) : pool(options) {}
    support::FileSizeLimit limit{std::size_t{1} << 20};
    cf::ProcessPoolExecutor pool;
};

PROCESS_CASE("a worker that dies in the middle of a result of 10 MB fails that call alone") {
    support::ProcessLog log;
    support::ProcessGate gate;
    support::Gate in_callback("the callback runs");
    support::Gate may_go_on("the callback may end");
    PoolWithoutSharedMemory without(TestType::with({.max_workers = 2}));
    cf::ProcessPoolExecutor& pool = without.pool;
    const auto victim = pool.submit(bytes_when_open, log.path(), gate.path(), 10'000'000U);
    log.wait_for(1);
    const int pid = std::stoi(log.lines().at(0));
    // As long as a callback stays, nobody reads results: the other worker gets stuck in its write.
    BusyWorker busy(pool);
    busy.call().add_done_callback([&](const cf::Future<int>&) {
        in_callback.open();
        may_go_on.wait();
    });
    const auto after = pool.submit(square, 5);
    busy.open();
    in_callback.wait();
    gate.open();
    log.wait_for(2);
    CHECK(support::eventually([&] { return support::state_of(pid) == 'S'; }));
    ::kill(pid, SIGKILL);
    may_go_on.open();
    const auto error = error_of<cf::WorkerDiedError>(victim);
    CHECK(error.pid() == pid);
    CHECK(error.signal() == SIGKILL);
    CHECK(after.result(support::deadline(30s)) == 25);
}

void send_much_in_both_directions(cf::ProcessPoolExecutor& pool) {
    constexpr int count = support::sanitized ? 15 : 50;
    std::deque<cf::Future<std::vector<char>>> window;
    for (int i = 0; i < count; ++i) {
        window.push_back(
            pool.submit(same_bytes, std::vector<char>(8'000'000, static_cast<char>(i))));
        if (window.size() < 8) continue;
        const auto& bytes = window.front().result();
        CHECK(bytes.size() == 8'000'000);
        CHECK(bytes.back() == static_cast<char>(i - 7));
        window.pop_front();
    }
    for (const auto& future : window) CHECK(future.result().size() == 8'000'000);
}

PROCESS_CASE("big arguments and big results in both directions at once do not block each other") {
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 2}));
    send_much_in_both_directions(pool);
    PoolWithoutSharedMemory without(TestType::with({.max_workers = 2}));
    send_much_in_both_directions(without.pool);
}

// ---- last words ----

int fail_an_assertion() { ::__assert_fail("shards > 0", "shards.cpp", 12, "int split(int)"); }
void throw_words(const std::string& words) { throw std::runtime_error(words); }
int throw_where_nobody_catches() noexcept {
    throw_words("no such shard");
    return 0;
}
int follow_null() {
    int* volatile nowhere = nullptr;
    return *nowhere;
}
void throw_at_start() noexcept { throw_words("no such model"); }

PROCESS_CASE("what a worker says before it dies stands in the error of its call") {
    const Silence silence;
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 1}));
    CHECK_THAT(error_of<cf::WorkerDiedError>(pool.submit(throw_where_nobody_catches)).what(),
               ContainsSubstring("Its last words: \"uncaught std::runtime_error: no such shard\"."));
    if (!support::sanitized) {  // it reports a bad address in its own words
        CHECK_THAT(error_of<cf::WorkerDiedError>(pool.submit(follow_null)).what(),
                   ContainsSubstring("Its last words: \"at address 0x0, which is not mapped\"."));
        if (CONCURRENT_FUTURES_HAS_ABORT_MESSAGE)
            CHECK_THAT(error_of<cf::WorkerDiedError>(pool.submit(fail_an_assertion)).what(),
                       ContainsSubstring("shards.cpp:12: int split(int): Assertion `shards > 0' failed.\""));
    }
    CHECK(pool.submit(square, 3).result() == 9);
    cf::ProcessPoolExecutor broken(
        TestType::with({.max_workers = 1, .initializer = cf::bind_task(throw_at_start)}));
    CHECK_THAT(error_of<cf::BrokenProcessPool>(broken.submit(square, 3)).what(),
               ContainsSubstring("Its last words: \"uncaught std::runtime_error: no such model\"."));
}

// ---- SIGCHLD ----

PROCESS_CASE("with SIGCHLD ignored a death is noticed all the same") {
    const auto before = ::signal(SIGCHLD, SIG_IGN);
    {
        support::ProcessLog log;
        cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 1}));
        const auto victim = pool.submit(die, log.path(), "exit(3)");
        const auto error = error_of<cf::WorkerDiedError>(victim);
        CHECK(std::to_string(error.pid()) == log.lines().at(0));
        CHECK(!error.signal());
        // The template process reaps its children. The kernel tells of those that it reaped on Linux 6.15 and later.
        if (!error.exit_code()) CHECK_THAT(error.what(), ContainsSubstring("how is unknown"));
        if (error.exit_code()) CHECK(error.exit_code() == 3);
        CHECK(pool.submit(square, 3).result(support::deadline(30s)) == 9);
    }
    ::signal(SIGCHLD, before);
}

}  // namespace
}  // namespace process_pools
