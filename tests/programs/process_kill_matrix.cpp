// SPDX-License-Identifier: MIT
// expect-exit: 0
// expect-output: ^[0-9]+ deaths, 0 wrong$
// timeout-seconds: 400
//
// Every way to die in every phase of a worker's life, with each start method, among 1, 2 and 5 workers:
// every future ends, the right one with the right error, the others with their results; no worker and
// no descriptor is left. The long form: CONCURRENT_FUTURES_KILL_MATRIX=20 goes through it twenty times.
#include <concurrent/futures/process_pool_executor.hpp>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "support/deadline.hpp"
#include "support/eventually.hpp"
#include "support/file_size_limit.hpp"
#include "support/gate.hpp"
#include "support/process_log.hpp"
#include "support/processes.hpp"

namespace cf = concurrent::futures;
using namespace std::chrono_literals;

namespace {

// ---- ways to die ----

enum class Death { sigkill, sigsegv, abort, exit_0, exit_3, fast_exit, overflow, terminate, memory };

struct DeathKind {
    Death death;
    const char* name;
    std::optional<int> exit_code;
    std::optional<int> signal;
};
const std::vector<DeathKind> death_kinds{
    {Death::sigkill, "SIGKILL", {}, SIGKILL},        {Death::sigsegv, "SIGSEGV", {}, SIGSEGV},
    {Death::abort, "abort", {}, SIGABRT},            {Death::exit_0, "exit(0)", 0, {}},
    {Death::exit_3, "exit(3)", 3, {}},               {Death::fast_exit, "_exit(7)", 7, {}},
    {Death::overflow, "stack overflow", {}, SIGSEGV}, {Death::terminate, "std::terminate", {}, SIGABRT},
    {Death::memory, "memory limit", {}, SIGABRT}};

int recurse(int depth) {
    volatile char frame[4096];
    frame[depth % 4096] = static_cast<char>(depth);
    if (depth < 0) return 0;  // not reached
    return recurse(depth + 1) + frame[depth % 7];
}
std::vector<std::vector<char>> kept;
void use_all_memory() noexcept {
    for (;;) kept.emplace_back(1'000'000);
}

[[noreturn]] void die(Death death) {
    const rlimit no_core{0, 0};
    ::setrlimit(RLIMIT_CORE, &no_core);
    ::dup2(::open("/dev/null", O_WRONLY | O_CLOEXEC), STDERR_FILENO);  // std::terminate talks
    for (const int signal : {SIGSEGV, SIGABRT}) ::signal(signal, SIG_DFL);  // not a sanitizer's report
    switch (death) {
        case Death::sigkill: ::kill(::getpid(), SIGKILL); break;
        case Death::sigsegv: ::raise(SIGSEGV); break;
        case Death::abort: std::abort();
        case Death::exit_0: std::exit(0);
        case Death::exit_3: std::exit(3);
        case Death::fast_exit: ::_exit(7);
        case Death::overflow: std::exit(recurse(0));
        case Death::terminate: std::terminate();
        case Death::memory: use_all_memory(); break;
    }
    for (;;) ::pause();
}

/// True to the first process that asks.
bool claim(const std::string& path) {
    const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (file >= 0) ::close(file);
    return file >= 0;
}

// ---- phases ----

enum class Phase {
    start, initializer, idle, decoding, running, encoding, writing, destructors, after_sending, leaving
};

struct PhaseKind {
    Phase phase;
    const char* name;
};
const std::vector<PhaseKind> phase_kinds{
    {Phase::start, "start"},       {Phase::initializer, "initializer"},
    {Phase::idle, "idle"},         {Phase::decoding, "decoding"},
    {Phase::running, "running"},   {Phase::encoding, "encoding"},
    {Phase::writing, "writing"},   {Phase::destructors, "destructors"},
    {Phase::after_sending, "after sending"}, {Phase::leaving, "leaving"}};

bool call_has_run = false;

/// Goes off in a worker, in its phase.
struct Bomb {
    Phase phase{};
    Death death{};
    int home = 0;  // the process in which it is harmless

    bool goes_off(Phase now) const { return phase == now && ::getpid() != home; }
    ~Bomb() {
        if (goes_off(Phase::destructors) && call_has_run) die(death);
    }
    Bomb() = default;
    Bomb(Phase phase_, Death death_, int home_) : phase(phase_), death(death_), home(home_) {}
    Bomb(const Bomb&) = default;
    Bomb& operator=(const Bomb&) = default;
};
struct Result {
    int value = 0;
    Bomb bomb{};
};

/// As soon as the main thread sleeps, in a write to a full pipe.
void die_when_main_thread_sleeps(Death death) {
    std::thread([death] {
        const std::string path = "/proc/self/task/" + std::to_string(::getpid()) + "/stat";
        for (;;) {
            std::ifstream file(path);
            std::string line;
            std::getline(file, line);
            const auto end = line.rfind(')');
            if (end != std::string::npos && line.substr(end + 2, 1) == "S") die(death);
        }
    }).detach();
}

}  // namespace

template <>
struct concurrent::futures::Codec<Bomb> {
    static void encode(Encoder& encoder, const Bomb& bomb) { encoder(bomb.phase, bomb.death, bomb.home); }
    static Bomb decode(Decoder& decoder) {
        Bomb bomb;
        decoder(bomb.phase, bomb.death, bomb.home);
        if (bomb.goes_off(Phase::decoding)) die(bomb.death);
        return bomb;
    }
};
template <>
struct concurrent::futures::Codec<Result> {
    static void encode(Encoder& encoder, const Result& result) {
        const bool encodes = result.bomb.goes_off(Phase::encoding);
        const bool writes = result.bomb.goes_off(Phase::writing);
        encoder(result.value, std::vector<char>(encodes || writes ? 10'000'000 : 0, 'w'));
        if (encodes) die(result.bomb.death);  // in the middle of shared memory
        if (writes) die_when_main_thread_sleeps(result.bomb.death);
    }
    static Result decode(Decoder& decoder) {
        Result result;
        std::vector<char> ballast;
        decoder(result.value, ballast);
        return result;
    }
};

namespace {

int square(int n) { return n * n; }
Result run(const Bomb& bomb, int n) {
    if (bomb.goes_off(Phase::running)) die(bomb.death);
    call_has_run = true;
    return {n * n, bomb};
}
int stay(const std::string& gate) {
    support::wait_at_gate(gate);
    return 1;
}
Result run_after(const std::string& gate, const Bomb& bomb, int n) {
    support::wait_at_gate(gate);
    return run(bomb, n);
}
/// The worker goes on, and dies when the gate opens.
int lay_mine(Death death, const std::string& gate) {
    std::thread([=] {
        support::wait_at_gate(gate);
        die(death);
    }).detach();
    return 1;
}
void die_once(Death death, const std::string& mark) {
    if (claim(mark)) die(death);
}

// ---- one death ----

std::size_t descriptors() {
    std::size_t count = 0;
    DIR* const folder = ::opendir("/proc/self/fd");
    while (::readdir(folder)) ++count;
    ::closedir(folder);
    return count;
}

class Cell {
  public:
    Cell(cf::StartMethod method, std::size_t workers, const PhaseKind& phase, const DeathKind& death)
        : method_(method), workers_(workers), phase_(phase), death_(death) {}

    bool run() {
        const std::size_t before = descriptors();
        {
            std::optional<support::FileSizeLimit> no_shared_memory;
            if (phase_.phase == Phase::writing) no_shared_memory.emplace(std::size_t{1} << 20);
            cf::ProcessPoolExecutor pool(options());
            no_shared_memory.reset();
            submit_neighbours(pool);
            act(pool);
            submit_neighbours(pool);
            check_neighbours();
            if (phase_.phase != Phase::leaving)
                check(support::eventually([&] { return pool.stats().worker_restarts == 1; }),
                      "no worker was replaced");
            const auto now = pool.stats();
            check(now.pending == 0 && now.running == 0, "something is left in stats()");
            check(now.failed == failed_, "stats().failed is " + std::to_string(now.failed));
            if (wrong_) pool.kill_workers();
        }
        neighbours_.clear();  // they keep what is left of the pool
        check(support::children_of(::getpid()).empty(), "a child is left");
        check(descriptors() == before, "descriptors were " + std::to_string(before) + ", are " +
                                           std::to_string(descriptors()));
        ::unsetenv("KILL_MATRIX_MARK");
        return !wrong_;
    }

  private:
    cf::ProcessPoolOptions options() {
        cf::ProcessPoolOptions options{.max_workers = workers_, .start_method = method_};
        if (death_.death == Death::memory) options.max_memory_bytes = std::size_t{128} << 20;
        const std::string mark = directory_.path() + "/dead";
        if (phase_.phase == Phase::writing) options.max_pending = 1;
        if (phase_.phase == Phase::initializer)
            options.initializer = cf::bind_task(die_once, death_.death, mark);
        if (phase_.phase == Phase::leaving)
            options.worker_exit = cf::bind_task(die_once, death_.death, mark);
        if (phase_.phase == Phase::start) {
            ::setenv("KILL_MATRIX_MARK", mark.c_str(), 1);
            ::setenv("KILL_MATRIX_DEATH", std::to_string(static_cast<int>(death_.death)).c_str(), 1);
        }
        return options;
    }

    void act(cf::ProcessPoolExecutor& pool) {
        const Bomb bomb{phase_.phase, death_.death, ::getpid()};
        switch (phase_.phase) {
            case Phase::start:
            case Phase::initializer:
            case Phase::leaving:
                break;
            case Phase::idle: {
                const support::ProcessGate gate;
                pool.submit(lay_mine, death_.death, gate.path()).result(limit);
                check_neighbours();
                check(support::eventually([&] { return pool.stats().idle == pool.stats().workers; }),
                      "the workers do not come to rest");
                support::open_gate(gate.path());
                check(support::eventually([&] { return pool.stats().worker_restarts == 1; }),
                      "nobody died");
                break;
            }
            case Phase::after_sending: {
                // Whatever the worker does by then is lost, one call at most.
                const support::ProcessGate gate;
                const auto call = pool.submit(lay_mine, death_.death, gate.path());
                call.add_done_callback(
                    [&gate](const cf::Future<int>&) { support::open_gate(gate.path()); });
                submit_neighbours(pool);
                may_lose_ = 1;
                check(call.result(limit) == 1, "the call that had answered failed");
                check_neighbours();
                check(support::eventually([&] { return pool.stats().worker_restarts == 1; }),
                      "nobody died");
                break;
            }
            case Phase::writing:
                die_writing(pool, bomb);
                break;
            default:
                check_victim(pool.submit(::run, bomb, 3));
        }
    }

    /// While a callback stays, nobody reads results, and 10 MB do not fit into the pipe. Nor into shared
    /// memory, because a file may not be that large.
    void die_writing(cf::ProcessPoolExecutor& pool, const Bomb& bomb) {
        check_neighbours();
        const support::ProcessGate gate, gate_of_victim;
        support::Gate may_go_on("the callback may end");
        support::Gate in_callback("the callback runs");
        const auto before = pool.submit(stay, gate.path());
        before.add_done_callback([&](const cf::Future<int>&) {
            in_callback.open();
            may_go_on.wait();
        });
        const auto victim = pool.submit(run_after, gate_of_victim.path(), bomb, 3);
        // With max_pending = 1 this returns when the victim has left the queue, to a worker.
        submit_neighbour(pool);
        // A forked worker may run a call before its pool has heard of its pid.
        std::vector<int> pids;
        check(support::eventually([&] {
            pids = pool.worker_pids();
            return pids.size() == pool.stats().workers;
        }), "the pool does not know its workers");
        support::open_gate(gate.path());
        in_callback.wait();
        support::open_gate(gate_of_victim.path());
        const auto somebody_died = [&] {
            std::size_t alive = 0;
            for (const auto& process : support::all_processes())
                for (const int pid : pids) alive += process.pid == pid && process.state != 'Z';
            return alive < pids.size();
        };
        check(support::eventually(somebody_died), "nobody died");
        may_go_on.open();
        check_victim(victim);
    }

    void check_victim(const cf::Future<Result>& victim) {
        ++failed_;
        try {
            victim.result(limit);
            check(false, "the victim lives");
        } catch (const cf::WorkerDiedError& error) {
            check(error.signal() == death_.signal && error.exit_code() == death_.exit_code, error.what());
        } catch (const std::exception& error) {
            check(false, error.what());
        }
    }

    void submit_neighbours(cf::ProcessPoolExecutor& pool) {
        for (int i = 0; i < 8; ++i) submit_neighbour(pool);
    }
    void submit_neighbour(cf::ProcessPoolExecutor& pool) {
        neighbours_.push_back(pool.submit(square, static_cast<int>(neighbours_.size())));
    }
    void check_neighbours() {
        for (; checked_ < neighbours_.size(); ++checked_) {
            const int n = static_cast<int>(checked_);
            try {
                check(neighbours_[checked_].result(limit) == n * n, "a wrong result");
            } catch (const cf::WorkerDiedError& error) {
                check(may_lose_ > 0, error.what());
                if (may_lose_ > 0) --may_lose_, ++failed_;
            } catch (const std::exception& error) {
                check(false, error.what());
            }
        }
    }
    void check(bool right, const std::string& text) {
        if (right) return;
        wrong_ = true;
        std::printf("%s, %zu workers, %s, %s: %s\n",
                    method_ == cf::StartMethod::spawn ? "spawn" : "fork", workers_, phase_.name,
                    death_.name, text.c_str());
    }

    static constexpr std::chrono::milliseconds limit = support::deadline(30s);

    const cf::StartMethod method_;
    const std::size_t workers_;
    const PhaseKind& phase_;
    const DeathKind& death_;
    const support::TemporaryDirectory directory_{};
    std::vector<cf::Future<int>> neighbours_;
    std::size_t checked_ = 0;
    std::size_t failed_ = 0;
    std::size_t may_lose_ = 0;
    bool wrong_ = false;
};

bool is_left_out(cf::StartMethod method, std::size_t workers, const PhaseKind& phase, const DeathKind& death) {
    if (support::sanitized) {  // one number of workers for each phase and death
        constexpr std::array<std::size_t, 3> numbers{1, 2, 5};
        const auto cell = static_cast<std::size_t>(phase.phase) + static_cast<std::size_t>(death.death);
        if (workers != numbers[cell % 3]) return true;
    }
    if (method == cf::StartMethod::fork && (phase.phase == Phase::start || CONCURRENT_FUTURES_TSAN))
        return true;
    if (death.death == Death::memory && phase.phase == Phase::start) return true;
    return support::sanitized && (death.death == Death::memory || death.death == Death::overflow);
}

}  // namespace

int main(int argc, char** argv) {
    const char* const mark = std::getenv("KILL_MATRIX_MARK");
    if (mark && cf::detail::has_worker_order())
        die_once(static_cast<Death>(std::atoi(std::getenv("KILL_MATRIX_DEATH"))), mark);
    cf::process_main(argc, argv);
    std::setvbuf(stdout, nullptr, _IOLBF, 0);
    const char* const rounds = std::getenv("CONCURRENT_FUTURES_KILL_MATRIX");
    std::printf("left out: fork, start (no code of the program runs there); start, memory limit (there is "
                "none yet)%s%s\n",
                support::sanitized ? "; stack overflow and memory limit under a sanitizer, and two of the three numbers "
                                     "of workers for each phase and death" : "",
                CONCURRENT_FUTURES_TSAN ? "; fork under ThreadSanitizer" : "");
    std::size_t deaths = 0;
    std::size_t wrong = 0;
    for (int round = rounds ? std::atoi(rounds) : 1; round > 0; --round)
        for (const auto method : {cf::StartMethod::spawn, cf::StartMethod::fork})
            for (const std::size_t workers : {1U, 2U, 5U})
                for (const PhaseKind& phase : phase_kinds)
                    for (const DeathKind& death : death_kinds) {
                        if (is_left_out(method, workers, phase, death)) continue;
                        ++deaths;
                        if (!Cell(method, workers, phase, death).run()) ++wrong;
                    }
    std::printf("%zu deaths, %zu wrong\n", deaths, wrong);
    return wrong == 0 ? 0 : 1;
}
