// SPDX-License-Identifier: MIT
//
// process_pool.cpp: whole process pools under the model checker, with their manager thread. Only the workers are no processes:
// a thread plays each of them. What the library asks of the system about processes is answered here: posix_spawn() starts a
// thread, wait4() tells how it ended, a pidfd is an eventfd that is written at the end, and a signal is seen by the thread
// before its next step. The parts of the engine one by one, which take fewer steps: processes.cpp.
#include <concurrent/futures/process_pool_executor.hpp>
#include <concurrent/futures/wait.hpp>

#include <dlfcn.h>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <climits>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "model/checker/checker.hpp"

namespace cf = concurrent::futures;
namespace detail = cf::detail;
using namespace std::chrono_literals;
using model::expect;

namespace {

// ---- processes that threads play ---------------------------------------------------------------------------------------

/// Where a worker may die.
enum class Moment { nowhere, before_it_is_ready, before_a_start, before_a_result, after_a_result };

/// What this run's system is like.
struct System {
    int processors = 1;      // with several, threads look for their results themselves
    int refused_starts = 0;  // so many
    Moment of_death = Moment::nowhere;
    int deaths = 1;  // so many die there
    int task_deaths = 0, task_failures = 0;  // so many calls of mortal() end their worker, and of fails_at_first() fail
    detail::Atomic<bool> gate_is_open{false};  // for gated()

    // Of the process that is being started.
    std::vector<int> descriptors;
    void* page = nullptr;
};
System& system_of_run() {
    static System system;
    return system;
}

class Process {
  public:
    explicit Process(int pid)
        : pid_(pid),
          page_(*static_cast<detail::WorkerPage*>(system_of_run().page)),
          tasks_(copy_of(system_of_run().descriptors.at(0))),
          results_(copy_of(system_of_run().descriptors.at(1))),
          reader_(page_.tasks) {}
    Process(const Process&) = delete;
    Process& operator=(const Process&) = delete;

    /// The call that runs in this thread is one of this process.
    static Process& current() { return *current_; }

    // The system's side.

    int pid() const { return pid_; }
    int ended_fd() const { return ended_.get(); }
    void signal(int number) {
        const std::lock_guard lock(by_system_);
        (number == SIGKILL ? is_killed_ : is_asked_to_end_) = true;
        notify(signalled_);
    }
    std::optional<int> status() {
        const std::lock_guard lock(by_system_);
        return status_;
    }

    void run() noexcept {
        current_ = this;
        int status = 0;
        try {
            live();
        } catch (const Death& death) {
            status = death.signal;
        }
        tasks_.reset();
        results_.reset();
        {
            const std::lock_guard lock(by_system_);
            status_ = status;
        }
        notify(ended_);
    }

    // The side of a call.

    [[noreturn]] static void die(int signal) { throw Death{signal}; }
    /// Below 0: until a signal ends the process.
    void sleep(int milliseconds) {
        pollfd entry{signalled_.get(), POLLIN, 0};
        ::poll(&entry, 1, milliseconds);
        go_on();
    }

  private:
    struct Death {
        int signal;
    };

    static detail::FileDescriptor copy_of(int fd) { return detail::FileDescriptor(::fcntl(fd, F_DUPFD_CLOEXEC, 10)); }
    static detail::FileDescriptor event() { return detail::FileDescriptor(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)); }
    static void notify(const detail::FileDescriptor& fd) {
        const std::uint64_t one = 1;
        static_cast<void>(::write(fd.get(), &one, sizeof one));
    }

    /// A signal comes before the next step, if there is one.
    void go_on() {
        if (!is_killed_ && !is_asked_to_end_) return;
        const std::lock_guard lock(by_system_);
        if (is_killed_) die(SIGKILL);
        if (is_asked_to_end_ && page_.control.end_request().load(std::memory_order_acquire) != 0) die(SIGTERM);
    }
    void come_to(Moment moment) {
        go_on();
        System& system = system_of_run();
        if (system.of_death == moment && system.deaths-- > 0) die(SIGSEGV);
    }

    void live() {
        go_on();
        page_.control.note_first_peak(1);
        while (const auto frame = receive()) {
            switch (frame->header.type) {
                case detail::FrameType::configure:
                    come_to(Moment::before_it_is_ready);
                    send(detail::FrameType::ready);
                    break;
                case detail::FrameType::task: run_task(*frame); break;
                case detail::FrameType::stop: return;
                default: break;
            }
        }
    }
    /// As WorkerProcess::receive().
    std::optional<detail::Frame> receive() {
        for (;;) {
            go_on();
            if (auto frame = incoming_.next()) return frame;
            if (const std::size_t available = reader_.available()) {
                const auto room = incoming_.room();
                const std::size_t size = (std::min)(available, room.size());
                reader_.read(room.data(), size);
                incoming_.commit(size);
                reader_.publish();
                if (page_.pool_bell.must_ring(detail::Bell::room)) wake_pool();
                continue;
            }
            page_.worker_bell.expect(detail::Bell::bytes);
            if (!reader_.has_news()) {
                std::array<pollfd, 2> entries{pollfd{tasks_.get(), POLLIN, 0}, pollfd{signalled_.get(), POLLIN, 0}};
                ::poll(entries.data(), entries.size(), -1);
                go_on();
                std::array<std::byte, 64> sink;
                const bool is_over = detail::read_some(tasks_.get(), sink.data(), sink.size()).kind == detail::IoResult::Kind::closed;
                if (is_over && !reader_.has_news()) return std::nullopt;
            }
            page_.worker_bell.forget();
        }
    }
    void run_task(const detail::Frame& frame) {
        const std::uint64_t task = frame.header.task;
        const std::size_t slot = frame.header.slot;
        come_to(Moment::before_a_start);
        if (!page_.control.start(slot, task)) return send(detail::FrameType::skipped, {}, task, slot);
        detail::FrameType type = detail::FrameType::result;
        cf::Encoder reply;
        try {
            cf::Decoder call(frame.body.bytes());
            detail::run_encoded_call(call, reply);
        } catch (const Death&) {
            throw;
        } catch (...) {
            type = detail::FrameType::exception;
            reply.clear();
            detail::encode_exception(reply, std::current_exception());
        }
        go_on();
        page_.control.end(slot, task);
        come_to(Moment::before_a_result);
        send(type, reply.bytes(), task, slot);
        come_to(Moment::after_a_result);
    }
    void send(detail::FrameType type, std::span<const std::byte> body = {}, std::uint64_t task = 0, std::size_t slot = 0) {
        detail::ByteBuffer frame;
        detail::append_frame(frame, detail::make_header(type, body.size(), task, slot), body);
        detail::RingWriter writer(page_.results);
        writer.write(frame.bytes());
        writer.publish();
        go_on();
        if (page_.pool_bell.must_ring(detail::Bell::bytes)) wake_pool();
    }
    void wake_pool() {
        go_on();
        const std::byte byte{};
        static_cast<void>(::write(results_.get(), &byte, 1));
    }

    inline static thread_local Process* current_ = nullptr;

    const int pid_;
    detail::WorkerPage& page_;
    detail::FileDescriptor tasks_, results_;
    const detail::FileDescriptor signalled_ = event(), ended_ = event();
    detail::RingReader reader_;
    detail::FrameAssembler incoming_;
    std::mutex by_system_;  // what was done before a signal, or before the end, is seen behind it
    bool is_killed_ = false, is_asked_to_end_ = false;
    std::optional<int> status_;  // as wait4() gives it
};

/// In the order of their starts.
std::vector<std::unique_ptr<Process>>& processes() {
    static std::vector<std::unique_ptr<Process>> all;
    return all;
}
template <class Is>
Process* process_that(Is is) {
    const auto place = std::find_if(processes().begin(), processes().end(), [&](const auto& each) { return is(*each); });
    return place == processes().end() ? nullptr : place->get();
}

bool answers_about_processes(long call, const long* arguments, long& result) noexcept {
    if (call == SYS_pidfd_open) {
        Process* const process = process_that([&](Process& each) { return each.pid() == arguments[0]; });
        if (process) result = ::fcntl(process->ended_fd(), F_DUPFD_CLOEXEC, 10);
        return process != nullptr;
    }
    if (call == SYS_sched_getaffinity && system_of_run().processors > 1) {
        auto* const bits = reinterpret_cast<unsigned char*>(arguments[2]);
        *bits = static_cast<unsigned char>((1 << system_of_run().processors) - 1);
        result = sizeof(long);
        return true;
    }
    return false;
}

template <class Function>
Function* system_function(Function*, const char* name) {
    return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

}  // namespace

extern "C" {

int posix_spawn_file_actions_init(posix_spawn_file_actions_t* actions) noexcept {
    static const auto of_system = system_function(&::posix_spawn_file_actions_init, "posix_spawn_file_actions_init");
    system_of_run().descriptors.clear();
    return of_system(actions);
}
int posix_spawn_file_actions_adddup2(posix_spawn_file_actions_t*, int from, int) noexcept {
    system_of_run().descriptors.push_back(from);
    return 0;
}
int posix_spawn(pid_t* pid, const char*, const posix_spawn_file_actions_t*, const posix_spawnattr_t*, char* const*,
                char* const*) {
    if (system_of_run().refused_starts > 0) {
        --system_of_run().refused_starts;
        return EAGAIN;
    }
    *pid = INT_MAX - static_cast<int>(processes().size());  // a number that no process has
    processes().push_back(std::make_unique<Process>(*pid));
    std::thread([process = processes().back().get()] { process->run(); }).detach();
    return 0;
}
pid_t wait4(pid_t pid, int* status, int options, rusage* usage) {
    static const auto of_system = system_function(&::wait4, "wait4");
    Process* const process = process_that([&](Process& each) { return each.pid() == pid; });
    if (!process) return of_system(pid, status, options, usage);
    const std::optional<int> ended = process->status();
    if (!ended) return 0;
    *status = *ended;
    return pid;
}
int kill(pid_t pid, int signal) noexcept {
    static const auto of_system = system_function(&::kill, "kill");
    Process* const process = process_that([&](const Process& each) { return each.pid() == pid; });
    if (!process) return of_system(pid, signal);
    process->signal(signal);
    return 0;
}
void* mmap(void* place, size_t size, int protection, int flags, int fd, off_t offset) noexcept {
    static const auto of_system = system_function(&::mmap, "mmap");
    void* const memory = of_system(place, size, protection, flags, fd, offset);
    if (size == sizeof(detail::WorkerPage)) system_of_run().page = memory;  // of the worker that is about to be started
    return memory;
}

}  // extern "C"

// ---- scenarios -----------------------------------------------------------------------------------------------------------

namespace {

// Calls of the scenarios, which run in the threads that play workers.
int twice(int number) { return 2 * number; }
int fails(int) { throw std::runtime_error("it fails"); }
int mortal(int number) {
    if (system_of_run().task_deaths-- > 0) Process::die(SIGSEGV);
    return 2 * number;
}
int fails_at_first(int number) {
    if (system_of_run().task_failures-- > 0) throw std::runtime_error("it fails");
    return 2 * number;
}
int takes_a_while(int number) {
    Process::current().sleep(10);
    return 2 * number;
}
int gated(int number) {
    while (!system_of_run().gate_is_open.load()) std::this_thread::yield();
    return 2 * number;
}
int endless(int) {
    for (;;) Process::current().sleep(-1);
}

/// How it ends: "result", or what kind of exception.
std::string end_of(const cf::Future<int>& future) {
    try {
        expect(future.result() == 2, "the result is right");
        return "result";
    } catch (const cf::CancelledError&) {
        return "cancelled";
    } catch (const cf::WorkerDiedError&) {
        return "died";
    } catch (const cf::TaskTimeoutError&) {
        return "timeout";
    } catch (const cf::BrokenProcessPool&) {
        return "broken";
    } catch (const std::exception&) {
        return "failed";
    }
}

/// With one worker, or as the options say.
class Pool : public cf::ProcessPoolExecutor {
  public:
    explicit Pool(const cf::ProcessPoolOptions& options = {.max_workers = 1}) : ProcessPoolExecutor(prepared(options)) {}

    /// A shutdown, after which so many tasks have ended in each way, and no time was lost: nobody looked again after a
    /// while for what somebody should have been told.
    void ends_with(std::size_t completed, std::size_t failed = 0, std::size_t cancelled = 0) {
        shutdown();
        has_ended_with(completed, failed, cancelled);
        expect(std::chrono::steady_clock::now() - born_ < allowed, "it takes no longer than it has to");
    }
    void has_ended_with(std::size_t completed, std::size_t failed = 0, std::size_t cancelled = 0) const {
        const cf::ExecutorStats counted = stats();
        expect(counted.workers == 0 && counted.pending == 0 && counted.running == 0, "nothing is left");
        expect(counted.completed == completed, "so many have completed");
        expect(counted.failed == failed, "so many have failed");
        expect(counted.cancelled == cancelled, "so many were cancelled");
    }
    /// Where threads look for their results themselves, the manager thread looks each millisecond whether a delivery of theirs
    /// is over, and may see the old value several times.
    std::chrono::milliseconds allowed{system_of_run().processors > 1 ? 1000 : 4};

  private:
    static const cf::ProcessPoolOptions& prepared(const cf::ProcessPoolOptions& options) {
        model::uses_shared_pointers();
        model::answers_instead = &answers_about_processes;
        detail::program_start().process_main_ran = true;
        return options;
    }

    const std::chrono::steady_clock::time_point born_ = std::chrono::steady_clock::now();
};

/// The same of a task that is submitted now: "refused" if the pool has been closed.
std::string end_of_next(Pool& pool) {
    cf::Future<int> future;
    try {
        future = pool.submit(twice, 1);
    } catch (const cf::BrokenProcessPool&) {
        return "refused";
    }
    return end_of(future);
}

/// Whether submit() took the task, which is in `future` then.
bool try_submit(Pool& pool, cf::Future<int>& future) {
    try {
        future = pool.submit(twice, 1);
        return true;
    } catch (const cf::ShutdownError&) {
        return false;
    }
}

}  // namespace

// ---- tasks and their results

MODEL("a process pool runs a task, and its result is seen") {
    Pool pool;
    expect(pool.submit(twice, 1).result() == 2, "the result");
    pool.ends_with(1);
}

MODEL("two threads submit to a process pool with one worker") {
    Pool pool;
    std::thread other([&] { expect(pool.submit(twice, 3).result() == 6, "the result there"); });
    expect(pool.submit(twice, 1).result() == 2, "the result here");
    other.join();
    pool.ends_with(2);
}

MODEL("two tasks of a process pool with two workers") {
    Pool pool({.max_workers = 2});
    const auto one = pool.submit(twice, 1), two = pool.submit(twice, 2);
    expect(one.result() + two.result() == 6, "both results");
    pool.ends_with(2);
}

MODEL("two threads submit to a process pool whose worker has nothing to do") {
    Pool pool;
    pool.start_workers();
    std::thread other([&] { expect(pool.submit(twice, 3).result() == 6, "the result there"); });
    expect(pool.submit(twice, 1).result() == 2, "the result here");
    other.join();
    pool.ends_with(2);
}

MODEL("a thread looks for its result itself, and the process pool ends with nothing left") {
    system_of_run().processors = 2;
    Pool pool;
    pool.start_workers();
    expect(pool.submit(twice, 1).result() == 2, "the result");
    pool.ends_with(1);
}

MODEL("a thread looks in vain for its result in a process pool, and gets it later") {
    system_of_run().processors = 2;
    Pool pool;
    pool.start_workers();
    expect(pool.submit(takes_a_while, 1).result() == 2, "the result");
    pool.ends_with(1);
}

MODEL("a thread looks for its result itself in a process pool that another one shuts down, and the pool ends") {
    system_of_run().processors = 2;
    Pool pool;
    pool.start_workers();
    const auto future = pool.submit(gated, 1);
    std::thread other([&] { pool.shutdown(); });
    for (int n = 0; n < 3; ++n) std::this_thread::yield();  // the manager thread sleeps again
    system_of_run().gate_is_open.store(true);
    expect(future.result() == 2, "the result");
    other.join();
    pool.ends_with(1);
}

MODEL("a callback of a process pool runs once, whoever finds the result") {
    system_of_run().processors = 2;
    int calls = 0;
    Pool pool;
    pool.start_workers();
    const auto future = pool.submit(twice, 1);
    future.add_done_callback([&](const cf::Future<int>&) { ++calls; });
    expect(future.result() == 2, "the result");
    pool.ends_with(1);
    expect(calls == 1, "it ran");
}

MODEL("a process pool is shut down by a thread while another one looks for its result, and the callback has run") {
    system_of_run().processors = 2;
    int calls = 0;
    Pool pool;
    pool.start_workers();
    const auto future = pool.submit(twice, 1);
    future.add_done_callback([&](const cf::Future<int>&) { ++calls; });
    std::thread other([&] { expect(future.result() == 2, "the result"); });
    pool.shutdown();
    expect(calls == 1, "it has run");
    other.join();
    pool.ends_with(1);
}

MODEL("a task without a future and one that fails end with their process pool") {
    Pool pool;
    pool.post(twice, 1);
    expect(end_of(pool.submit(fails, 1)) == "failed", "what it threw");
    pool.ends_with(1, 1);
}

MODEL("a future of a process pool outlives it") {
    cf::Future<int> future;
    {
        Pool pool;
        future = pool.submit(twice, 1);
    }
    expect(end_of(future) == "result", "the pool waited");
}

MODEL("a task of a process pool that fails is tried again, and another one runs") {
    system_of_run().task_failures = 1;
    Pool pool;
    const auto again = pool.submit(cf::TaskOptions{.retries = 1}, fails_at_first, 1);
    const auto other = pool.submit(twice, 1);
    expect(end_of(again) == "result" && end_of(other) == "result", "both results");
    pool.ends_with(2);
}

MODEL("a task behind one that takes long goes to a worker of the process pool that has nothing to do") {
    Pool pool({.max_workers = 2});
    pool.start_workers();
    pool.pause();
    const auto slow = pool.submit(takes_a_while, 1);
    for (int n = 0; n < 3; ++n) pool.post(twice, 1);
    pool.resume();
    expect(end_of(slow) == "result", "the slow one has ended");
    expect(pool.stats().completed == 4, "the others before it");
    pool.allowed = 15ms;
    pool.ends_with(4);
}

// ---- they are cancelled

MODEL("a task of a process pool is cancelled while its worker is started, or runs") {
    Pool pool;
    const auto future = pool.submit(twice, 1);
    const bool cancelled = future.cancel();
    expect(end_of(future) == (cancelled ? "cancelled" : "result"), "one of them");
    pool.ends_with(!cancelled, 0, cancelled);
}

MODEL("two threads cancel a task of a process pool whose worker has nothing to do") {
    Pool pool;
    pool.start_workers();
    const auto future = pool.submit(twice, 1);
    bool cancelled_there = false;
    std::thread other([&] { cancelled_there = future.cancel(); });
    const bool cancelled = future.cancel();
    other.join();
    expect(!cancelled_there || future.cancelled(), "both say the same");
    expect(end_of(future) == (cancelled || cancelled_there ? "cancelled" : "result"), "one of them");
    pool.ends_with(!future.cancelled(), 0, future.cancelled());
}

MODEL("cancel_pending() of a process pool while another thread submits ends each task or lets it run") {
    Pool pool;
    cf::Future<int> there;
    std::thread other([&] { there = pool.submit(twice, 1); });
    const auto here = pool.submit(twice, 1);
    pool.cancel_pending();
    other.join();
    std::size_t cancelled = 0;
    for (const cf::Future<int>& future : {here, there}) {
        const std::string end = end_of(future);
        expect(end == "cancelled" || end == "result", "one of them");
        cancelled += end == "cancelled";
    }
    pool.ends_with(2 - cancelled, 0, cancelled);
}

MODEL("cancel_pending() of a process pool ends tasks that nobody else knows of, wherever they are") {
    Pool pool;
    pool.start_workers();
    for (int n = 0; n < 2; ++n) pool.post(twice, 1);
    pool.cancel_pending();
    pool.shutdown();
    const cf::ExecutorStats counted = pool.stats();
    expect(counted.completed + counted.cancelled == 2, "each of them once");
    pool.ends_with(counted.completed, 0, counted.cancelled);
}

MODEL("a task behind another one in a process pool is cancelled, and the one before and the one behind run") {
    Pool pool;
    pool.start_workers();
    const auto before = pool.submit(twice, 1), task = pool.submit(twice, 1), behind = pool.submit(twice, 1);
    const bool cancelled = task.cancel();
    expect(end_of(before) == "result" && end_of(behind) == "result", "they run");
    expect(end_of(task) == (cancelled ? "cancelled" : "result"), "one of them");
    pool.ends_with(cancelled ? 2 : 3, 0, cancelled);
}

// ---- room for tasks

MODEL("a submitter of a process pool with room for one task gets it when the one before is handed out") {
    Pool pool({.max_workers = 1, .max_pending = 1});
    pool.start_workers();
    std::thread other([&] { expect(end_of(pool.submit(twice, 1)) == "result", "the result there"); });
    const auto one = pool.submit(twice, 1), two = pool.submit(twice, 1);
    expect(end_of(one) == "result" && end_of(two) == "result", "the results here");
    other.join();
    pool.ends_with(3);
}

MODEL("a submitter that waits for room in a paused process pool gets it when the task before is cancelled") {
    Pool pool({.max_workers = 1, .max_pending = 1});
    pool.pause();
    const auto before = pool.submit(twice, 1);
    std::thread other([&] {
        expect(before.cancel(), "it waits");
        pool.resume();
    });
    expect(end_of(pool.submit(twice, 1)) == "result", "it runs");
    other.join();
    pool.ends_with(1, 0, 1);
}

MODEL("a submitter that waits for room in a paused process pool hears of its shutdown") {
    Pool pool({.max_workers = 1, .max_pending = 1});
    pool.pause();
    const auto before = pool.submit(twice, 1);
    std::thread other([&] { pool.shutdown({.wait = false}); });
    cf::Future<int> future;
    expect(!try_submit(pool, future), "there was no room");
    other.join();
    expect(end_of(before) == "result", "what was taken runs");
    pool.ends_with(1);
}

MODEL("a submitter that waits for room in a process pool hears of its shutdown, though nothing is handed out any more") {
    Pool pool({.max_workers = 1, .max_tasks_per_child = 1, .max_pending = 1});
    const auto runs = pool.submit(endless, 1), waits = pool.submit(twice, 1);
    std::thread other([&] { pool.shutdown({.wait = false}); });
    cf::Future<int> future;
    expect(!try_submit(pool, future), "there was no room");
    other.join();
    pool.kill_workers();
    const bool had_started = end_of(runs) == "died";
    expect(end_of(waits) == "cancelled", "it was not handed out");
    pool.ends_with(0, had_started, had_started ? 1 : 2);
}

MODEL("a submitter that waits for room in a process pool gets it from cancel_pending()") {
    Pool pool({.max_workers = 1, .max_pending = 1});
    pool.pause();
    const auto before = pool.submit(twice, 1);
    std::thread other([&] { pool.cancel_pending(); });
    const auto future = pool.submit(twice, 1);
    other.join();
    pool.resume();
    expect(end_of(before) == "cancelled", "it waited");
    const bool cancelled = end_of(future) == "cancelled";
    expect(!cancelled, "it came later");
    pool.ends_with(1, 0, 1);
}

MODEL("of two threads that submit to a paused process pool with room for one task one is refused") {
    Pool pool({.max_workers = 1, .max_pending = 1, .on_full = cf::QueueFull::raise});
    pool.pause();
    const auto is_refused = [&] {
        try {
            pool.post(twice, 1);
            return false;
        } catch (const cf::QueueFullError&) {
            return true;
        }
    };
    bool there = false;
    std::thread other([&] { there = is_refused(); });
    const bool here = is_refused();
    other.join();
    expect(here != there, "one of them");
    pool.ends_with(1);
}

// ---- pauses

MODEL("a task that is submitted to a paused process pool does not start before the pool goes on") {
    Pool pool;
    pool.start_workers();
    pool.pause();
    cf::Future<int> there;
    std::thread other([&] { there = pool.submit(twice, 1); });
    other.join();
    std::this_thread::sleep_for(1ms);
    expect(pool.stats().pending == 1, "it waits");
    pool.resume();
    expect(end_of(there) == "result", "it runs");
    pool.ends_with(1);
}

MODEL("a process pool pauses and goes on, and runs each task that nobody else knows of once") {
    Pool pool;
    pool.start_workers();
    for (int n = 0; n < 2; ++n) pool.post(twice, 1);
    pool.pause();
    pool.resume();
    pool.ends_with(2);
}

MODEL("a process pool pauses and goes on while another thread submits") {
    Pool pool;
    pool.start_workers();
    cf::Future<int> there;
    std::thread other([&] { there = pool.submit(twice, 1); });
    pool.pause();
    pool.resume();
    other.join();
    expect(end_of(there) == "result", "it runs");
    pool.ends_with(1);
}

MODEL("a process pool that pauses holds a task, or it has started, until the pool goes on") {
    Pool pool;
    const auto future = pool.submit(twice, 1);
    pool.pause();
    const cf::ExecutorStats counted = pool.stats();
    expect(counted.pending + counted.running + counted.completed == 1, "it is somewhere");
    if (counted.pending == 1) {
        std::this_thread::yield();
        expect(!future.done(), "it has not started");
    }
    pool.resume();
    expect(end_of(future) == "result", "it runs");
    pool.ends_with(1);
}

MODEL("a process pool is shut down while it is paused, and what waits runs") {
    Pool pool;
    pool.pause();
    const auto future = pool.submit(twice, 1);
    std::this_thread::sleep_for(1ms);
    expect(processes().empty(), "no worker is started for what must wait");
    pool.ends_with(1);
    expect(end_of(future) == "result", "it has run");
}

// ---- the end of a pool

MODEL("a process pool is shut down while another thread submits: the task runs, or is refused") {
    Pool pool;
    cf::Future<int> there;
    bool taken = false;
    std::thread other([&] { taken = try_submit(pool, there); });
    pool.shutdown();
    other.join();
    if (taken) expect(end_of(there) == "result", "it has run");
    pool.ends_with(taken);
}

MODEL("a process pool is shut down with cancel_futures while another thread submits") {
    Pool pool;
    pool.start_workers();
    const auto here = pool.submit(twice, 1);
    cf::Future<int> there;
    bool taken = false;
    std::thread other([&] { taken = try_submit(pool, there); });
    pool.shutdown({.cancel_futures = true});
    other.join();
    const std::string end = end_of(here);
    expect(end == "cancelled" || end == "result", "one of them");
    const std::string end_there = taken ? end_of(there) : "refused";
    expect(end_there != "failed" && end_there != "broken", "it has not failed");
    pool.ends_with((end == "result") + (end_there == "result"), 0, (end == "cancelled") + (end_there == "cancelled"));
}

MODEL("a process pool whose workers have just started is destroyed with two tasks, and both run") {
    cf::Future<int> one, two;
    {
        Pool pool({.max_workers = 2});
        one = pool.submit(twice, 1);
        two = pool.submit(twice, 1);
    }
    expect(one.done() && two.done() && end_of(one) == "result" && end_of(two) == "result", "both have run");
}

MODEL("a process pool is destroyed in the callback of its own last task") {
    model::uses_shared_pointers();
    auto pool = std::make_unique<Pool>();
    const auto future = pool->submit(twice, 1);
    cf::detail::Atomic<bool> gone{false};
    future.add_done_callback([&](const cf::Future<int>&) {
        pool.reset();
        gone.store(true);
    });
    expect(end_of(future) == "result", "the result");
    while (!gone.load()) std::this_thread::yield();
}

MODEL("a callback of a process pool submits the next task, while another thread shuts the pool down") {
    Pool pool;
    cf::Future<int> next;
    bool taken = false;
    const auto future = pool.submit(twice, 1);
    future.add_done_callback([&](const cf::Future<int>&) { taken = try_submit(pool, next); });
    pool.shutdown();
    expect(end_of(future) == "result", "the result");
    if (taken) expect(end_of(next) == "result", "the next one as well");
    pool.ends_with(taken ? 2 : 1);
}

MODEL("a callback of a process pool waits for another task of the pool") {
    Pool pool;
    int sum = 0;
    const auto future = pool.submit(twice, 1);
    future.add_done_callback([&](const cf::Future<int>& done) { sum = done.result() + pool.submit(twice, 2).result(); });
    pool.wait_idle();
    pool.ends_with(2);
    expect(sum == 6, "both results");
}

// ---- an idle pool, and statistics

MODEL("wait_idle() of a process pool ends when a task has ended and its callback has run") {
    Pool pool;
    bool told = false;
    const auto future = pool.submit(twice, 1);
    future.add_done_callback([&](const cf::Future<int>&) { told = true; });
    pool.wait_idle();
    expect(future.done() && told, "it has ended");
    pool.ends_with(1);
}

MODEL("wait_idle() of a paused process pool ends when another thread cancels what waits") {
    Pool pool;
    pool.pause();
    const auto future = pool.submit(twice, 1);
    std::thread other([&] { expect(future.cancel(), "it waits"); });
    pool.wait_idle();
    other.join();
    expect(future.cancelled(), "it is over");
    pool.allowed = 8ms;  // who cancels a task tells no wait_idle(), which looks again after 5 ms
    pool.ends_with(0, 0, 1);
}

MODEL("wait_idle() of a process pool ends when another thread shuts it down") {
    Pool pool;
    const auto future = pool.submit(twice, 1);
    std::thread other([&] { pool.shutdown(); });
    pool.wait_idle();
    expect(future.done(), "it has ended");
    other.join();
    pool.ends_with(1);
}

MODEL("wait_idle() of a process pool waits for a task that another thread has submitted") {
    Pool pool;
    pool.start_workers();
    cf::Future<int> there;
    detail::Atomic<bool> submitted{false};
    std::thread other([&] {
        there = pool.submit(twice, 1);
        submitted.store(true);
    });
    while (!submitted.load()) std::this_thread::yield();
    pool.wait_idle();
    expect(there.done(), "it has ended");
    other.join();
    pool.ends_with(1);
}

MODEL("stats() of a process pool count a task once, wherever it is") {
    Pool pool;
    std::thread other([&] { pool.submit(twice, 1).result(); });
    const cf::ExecutorStats before = pool.stats();
    expect(before.pending + before.running + before.completed <= 1, "once at most");
    other.join();
    const cf::ExecutorStats after = pool.stats();
    expect(after.pending + after.running == 0 && after.completed == 1, "it has ended");
    pool.ends_with(1);
}

// ---- a worker dies

MODEL("a worker of a process pool dies in its task, and the next task gets another worker") {
    system_of_run().task_deaths = 1;
    Pool pool;
    const auto one = pool.submit(mortal, 1), two = pool.submit(mortal, 1);
    const std::string end = end_of(one);
    expect(end == "died" && end_of(two) == "result", "only one fails");
    expect(pool.stats().worker_restarts == 1, "it counts");
    pool.ends_with(1, 1);
}

MODEL("a worker of a process pool dies before it starts its task, which another one runs") {
    system_of_run().of_death = Moment::before_a_start;
    Pool pool;
    expect(end_of(pool.submit(twice, 1)) == "result", "it has run");
    pool.ends_with(1);
}

MODEL("a worker of a process pool dies before it starts a task that another thread cancels") {
    system_of_run().of_death = Moment::before_a_start;
    Pool pool;
    const auto future = pool.submit(twice, 1);
    bool cancelled = false;
    std::thread other([&] { cancelled = future.cancel(); });
    const std::string end = end_of(future);
    other.join();
    expect(end == (cancelled ? "cancelled" : "result"), "one of them");
    pool.ends_with(!cancelled, 0, cancelled);
}

MODEL("a worker of a process pool dies between a task and its result") {
    system_of_run().of_death = Moment::before_a_result;
    Pool pool;
    expect(end_of(pool.submit(twice, 1)) == "died", "the result is lost");
    pool.ends_with(0, 1);
}

MODEL("a worker of a process pool dies behind its result, which counts, and the pool is shut down meanwhile") {
    system_of_run().of_death = Moment::after_a_result;
    Pool pool;
    const auto future = pool.submit(twice, 1);
    pool.ends_with(1);
    expect(end_of(future) == "result", "it has come");
}

MODEL("a worker of a process pool dies before it is ready, and another one is started") {
    system_of_run().of_death = Moment::before_it_is_ready;
    Pool pool;
    expect(end_of(pool.submit(twice, 1)) == "result", "it has run");
    pool.ends_with(1);
}

MODEL("three workers of a process pool die before they are ready, and all tasks hear that the pool is broken") {
    system_of_run().of_death = Moment::before_it_is_ready;
    system_of_run().deaths = 3;
    Pool pool;
    std::string there;
    std::thread other([&] { there = end_of_next(pool); });
    const std::string here = end_of_next(pool);
    other.join();
    for (const std::string& end : {here, there}) expect(end == "broken" || end == "refused", "it is told");
    expect(pool.is_broken(), "it is");
    pool.ends_with(0, (here == "broken") + (there == "broken"));
}

MODEL("a worker of a process pool dies in its task, which is tried again") {
    system_of_run().task_deaths = 1;
    Pool pool({.max_workers = 1, .on_worker_death = cf::WorkerDeath::retry_task});
    expect(end_of(pool.submit(mortal, 1)) == "result", "the second time");
    pool.ends_with(1);
}

MODEL("a worker's death breaks a process pool while a submitter waits for room") {
    system_of_run().task_deaths = 1;
    Pool pool({.max_workers = 1, .on_worker_death = cf::WorkerDeath::break_pool, .max_pending = 1});
    const auto future = pool.submit(mortal, 1);
    std::size_t taken = 0;
    std::vector<cf::Future<int>> behind;
    try {
        for (; taken < 3; ++taken) behind.push_back(pool.submit(twice, 1));
    } catch (const cf::BrokenProcessPool&) {
    }
    expect(end_of(future) == "died", "the one that ran");
    for (const auto& each : behind) expect(end_of(each) == "broken", "those behind it");
    pool.ends_with(0, 1 + taken);
}

// ---- tasks that are ended

MODEL("a task of a process pool is over its time, and the one behind it runs elsewhere") {
    Pool pool({.max_workers = 1, .stop_grace = 1s});
    const auto limited = pool.submit(cf::TaskOptions{.timeout = 10ms}, endless, 1);
    const auto behind = pool.submit(twice, 1);
    expect(end_of(limited) == "timeout", "it was ended");
    expect(end_of(behind) == "result", "this one was not");
    pool.allowed = 30ms;  // a look for the start, and one at the end
    pool.ends_with(1, 1);
}

MODEL("a task of a process pool ends at its time limit: it has a result or was ended") {
    Pool pool({.max_workers = 1, .stop_grace = 1s});
    const auto limited = pool.submit(cf::TaskOptions{.timeout = 10ms}, takes_a_while, 1);
    const std::string end = end_of(limited);
    expect(end == "timeout" || end == "result", "one of them");
    expect(end_of(pool.submit(twice, 1)) == "result", "the next one runs");
    pool.allowed = 30ms;
    pool.ends_with(end == "result" ? 2 : 1, end == "result" ? 0 : 1);
}

MODEL("a task of a process pool is asked to stop, and is cancelled or ended") {
    Pool pool({.max_workers = 1, .stop_grace = 10ms});
    pool.start_workers();
    const auto future = pool.submit(endless, 1);
    future.request_stop();
    expect(end_of(future) == "cancelled", "it is over");
    pool.allowed = 20ms;
    pool.ends_with(0, 0, 1);
}

MODEL("a task of a process pool is asked to stop while it ends by itself") {
    Pool pool({.max_workers = 1, .stop_grace = 10ms});
    const auto future = pool.submit(twice, 1);
    std::thread other([&] { future.request_stop(); });
    const std::string end = end_of(future);
    other.join();
    expect(end == "result" || end == "cancelled", "one of them");
    expect(end_of(pool.submit(twice, 1)) == "result", "the next one runs");
    pool.ends_with(end == "result" ? 2 : 1, 0, end == "cancelled");
}

MODEL("the workers of a process pool are killed while one of them runs a task") {
    Pool pool;
    const auto future = pool.submit(endless, 1), behind = pool.submit(twice, 1);
    pool.kill_workers();
    const std::string end = end_of(future);
    expect(end == "died" || end == "cancelled", "it is over");
    expect(end_of(behind) == "cancelled", "it has not started");
    pool.ends_with(0, end == "died", end == "died" ? 1 : 2);
}

MODEL("the workers of a process pool are killed, and a task that may be tried again is not") {
    Pool pool;
    pool.start_workers();
    const auto future = pool.submit(cf::TaskOptions{.retries = 1}, endless, 1);
    pool.kill_workers();
    const std::string end = end_of(future);
    expect(end == "died" || end == "cancelled", "it is over");
    expect(processes().size() == 1, "no worker was started for it");
    pool.ends_with(0, end == "died", end == "cancelled");
}

MODEL("the workers of a process pool are asked to end while one of them is started") {
    Pool pool;
    const auto future = pool.submit(endless, 1);
    pool.terminate_workers();
    const std::string end = end_of(future);
    expect(end == "died" || end == "cancelled", "it is over");
    pool.ends_with(0, end == "died", end == "cancelled");
}

// ---- how many workers there are

MODEL("start_workers() of a process pool returns when both are ready, though a task comes meanwhile") {
    Pool pool({.max_workers = 2});
    std::thread other([&] { expect(end_of(pool.submit(twice, 1)) == "result", "the result"); });
    pool.start_workers();
    expect(pool.stats().workers == 2, "both are there");
    other.join();
    pool.ends_with(1);
}

MODEL("a worker of a process pool dies after start_workers(), and without a task no other one is started") {
    system_of_run().of_death = Moment::after_a_result;
    Pool pool;
    pool.start_workers();
    expect(end_of(pool.submit(twice, 1)) == "result", "the result");
    while (pool.stats().workers != 0) std::this_thread::yield();
    pool.ends_with(1);
    expect(processes().size() == 1, "one was enough");
}

MODEL("start_workers() of a process pool that another thread shuts down returns or says so") {
    Pool pool({.max_workers = 2});
    std::thread other([&] { pool.shutdown(); });
    try {
        pool.start_workers();
    } catch (const cf::ShutdownError&) {
    }
    other.join();
    pool.ends_with(0);
}

MODEL("the system refuses a second worker, and the process pool goes on with the first") {
    Pool pool({.max_workers = 2});
    const auto one = pool.submit(twice, 1);
    one.result();
    system_of_run().refused_starts = 1;
    const auto two = pool.submit(twice, 1), three = pool.submit(twice, 1);
    expect(end_of(two) == "result" && end_of(three) == "result", "both run");
    pool.ends_with(3);
}

MODEL("the system refuses the only worker, and each task of the process pool hears of it") {
    system_of_run().refused_starts = 1;
    Pool pool;
    std::string there;
    std::thread other([&] { there = end_of_next(pool); });
    const std::string here = end_of_next(pool);
    other.join();
    for (const std::string& end : {here, there}) expect(end == "broken" || end == "refused", "it is told");
    pool.ends_with(0, (here == "broken") + (there == "broken"));
}

MODEL("a worker of a process pool that has done its tasks leaves, and another one gets the next task") {
    Pool pool({.max_workers = 1, .max_tasks_per_child = 1});
    const auto one = pool.submit(twice, 1), two = pool.submit(twice, 1);
    expect(end_of(one) == "result" && end_of(two) == "result", "both run");
    expect(processes().size() == 2, "each in a worker of its own");
    pool.ends_with(2);
}

MODEL("a worker of a process pool is idle for too long and leaves while a task comes") {
    Pool pool({.max_workers = 1, .idle_timeout = 10ms});
    pool.start_workers();
    std::this_thread::sleep_for(10ms);
    expect(end_of(pool.submit(twice, 1)) == "result", "it runs");
    pool.allowed = 40ms;
    pool.ends_with(1);
}
