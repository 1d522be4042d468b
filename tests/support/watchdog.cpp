// SPDX-License-Identifier: MIT
#include "support/watchdog.hpp"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <catch2/catch_test_case_info.hpp>
#include <catch2/reporters/catch_reporter_event_listener.hpp>
#include <catch2/reporters/catch_reporter_registrars.hpp>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <vector>

#include "support/deadline.hpp"
#include "support/processes.hpp"
#include "support/signal_storm.hpp"

namespace support {
namespace {

using Clock = std::chrono::steady_clock;

int activity_pipe = -1;     // the supervised process's end
pid_t supervised_pid = -1;  // forked workers inherit activity_pipe, but must not use it

[[noreturn]] void throw_errno(const std::string& what) {
    throw std::system_error(errno, std::generic_category(), what);
}

void say(const std::string& text) { std::fprintf(stderr, "%s\n", text.c_str()); }

/// One message is one line: its kind, then its text. Short enough for one atomic write.
void send(char kind, std::string text) {
    if (!supervised()) return;
    text.resize(std::min<std::size_t>(text.size(), 500));
    std::replace(text.begin(), text.end(), '\n', ' ');
    const std::string message = kind + text + '\n';
    [[maybe_unused]] const auto written = ::write(activity_pipe, message.data(), message.size());
}

std::chrono::milliseconds chosen_deadline() {
    const char* chosen = std::getenv("CONCURRENT_FUTURES_TEST_DEADLINE_SECONDS");
    if (chosen == nullptr) return deadline(std::chrono::seconds(60));
    return std::chrono::seconds(std::strtol(chosen, nullptr, 10));
}

int run_program(std::vector<std::string> words) {
    std::vector<char*> arguments;
    for (std::string& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO);
    pid_t pid = -1;
    const int error =
        ::posix_spawnp(&pid, arguments[0], &actions, nullptr, arguments.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    if (error != 0) return 127;
    int status = 0;
    while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void print_thread_states(pid_t pid) {
    for (const ProcessEntry& process : all_processes()) {
        if (process.pid != pid) continue;
        say("--- process " + describe(process));
        std::ifstream status("/proc/" + std::to_string(pid) + "/status");
        for (std::string line; std::getline(status, line);)
            if (line.starts_with("Threads") || line.starts_with("Sig")) say("    " + line);
    }
}

void dump_stacks(pid_t pid) {
    print_thread_states(pid);
    const int code =
        run_program({"timeout", "--kill-after=5", "60", "gdb", "--nx", "--quiet", "--batch", "-iex",
                     "set debuginfod enabled off", "-ex", "set pagination off", "-ex",
                     "thread apply all backtrace 40", "-p", std::to_string(pid)});
    if (code != 0)
        say("    (no stacks: gdb is missing or failed, code " + std::to_string(code) + ")");
}

/// The parent's half of run_supervised.
class Supervisor {
  public:
    Supervisor(pid_t child, int activity, std::chrono::milliseconds deadline_per_test)
        : child_(child), activity_(activity), deadline_(deadline_per_test) {}

    /// The child's exit code, or what stands for it.
    int run() {
        sigset_t child_ended;
        sigset_t mask;
        sigemptyset(&child_ended);
        sigaddset(&child_ended, SIGCHLD);
        ::sigprocmask(SIG_BLOCK, &child_ended, &mask);
        const int endings = ::signalfd(-1, &child_ended, SFD_CLOEXEC | SFD_NONBLOCK);
        expires_ = Clock::now() + deadline_;
        for (reap(); !child_status_; reap()) {
            const auto left =
                std::chrono::duration_cast<std::chrono::milliseconds>(expires_ - Clock::now());
            if (left.count() <= 0)
                give_up("did not end within " + std::to_string(deadline_.count() / 1000) + " s");
            std::array<pollfd, 2> sources{{{activity_, POLLIN, 0}, {endings, POLLIN, 0}}};
            ::poll(sources.data(), sources.size(), static_cast<int>(left.count()) + 1);
            signalfd_siginfo ignored;
            while (::read(endings, &ignored, sizeof ignored) > 0) {
            }
            read_activity();
        }
        read_activity();
        const int code = finish(endings);
        ::close(endings);
        ::sigprocmask(SIG_SETMASK, &mask, nullptr);  // the next child starts with it
        return code;
    }

  private:
    void reap() {
        int status = 0;
        for (pid_t pid; (pid = ::waitpid(-1, &status, WNOHANG)) > 0;)
            if (pid == child_) child_status_ = status;
    }

    void read_activity() {
        std::array<char, 4096> bytes;
        for (ssize_t count; (count = ::read(activity_, bytes.data(), bytes.size())) > 0;)
            unread_.append(bytes.data(), static_cast<std::size_t>(count));
        for (std::size_t end; (end = unread_.find('\n')) != std::string::npos;) {
            const char kind = unread_[0];
            const std::string text = unread_.substr(1, end - 1);
            unread_.erase(0, end + 1);
            if (kind == '!') give_up(text);
            test_case_ = text;
            expires_ = Clock::now() + deadline_;
        }
    }

    std::string activity() const {
        return test_case_.empty() ? "the time outside test cases" : "'" + test_case_ + "'";
    }

    [[noreturn]] void give_up(const std::string& reason) {
        say("\nwatchdog: " + activity() + ": " + reason + "\n");
        dump_stacks(child_);
        // All that hangs on a long-lived template shows in its first few processes.
        auto others = descendants_of(child_);
        if (others.size() > 6) others.resize(6);
        for (const ProcessEntry& process : others)
            if (process.state != 'Z') dump_stacks(process.pid);
        kill_everything();
        std::_Exit(watchdog_exit_code);
    }

    void kill_everything() {
        // Whatever a killed process leaves behind becomes a child of this one.
        for (auto left = descendants_of(::getpid()); !left.empty();
             left = descendants_of(::getpid())) {
            for (const ProcessEntry& process : left) ::kill(process.pid, SIGKILL);
            if (::waitpid(-1, nullptr, 0) < 0 && errno == ECHILD) break;
        }
    }

    int finish(int endings) {
        const auto end = Clock::now() + std::chrono::seconds(sanitized ? 8 : 5);
        auto left = children_of(::getpid());
        while (!left.empty() && Clock::now() < end) {
            pollfd ended{endings, POLLIN, 0};
            ::poll(&ended, 1, 100);
            signalfd_siginfo ignored;
            while (::read(endings, &ignored, sizeof ignored) > 0) {
            }
            reap();
            left = children_of(::getpid());
        }
        for (const ProcessEntry& process : left) say("watchdog: left behind: " + describe(process));
        if (!left.empty()) kill_everything();
        if (WIFSIGNALED(*child_status_)) {
            const int signal = WTERMSIG(*child_status_);
            say("watchdog: " + activity() + ": the process was ended by signal " +
                std::to_string(signal) + " (" + ::strsignal(signal) + ")");
            return 128 + signal;
        }
        const int code = WEXITSTATUS(*child_status_);
        return code == 0 && !left.empty() ? left_behind_exit_code : code;
    }

    const pid_t child_;
    const int activity_;
    const std::chrono::milliseconds deadline_;
    Clock::time_point expires_{};
    std::optional<int> child_status_;
    std::string test_case_;
    std::string unread_;
};

class ActivityListener : public Catch::EventListenerBase {
  public:
    using Catch::EventListenerBase::EventListenerBase;

    void testCaseStarting(const Catch::TestCaseInfo& test) override { report_activity(test.name); }
    void testCaseEnded(const Catch::TestCaseStats&) override { report_activity({}); }
};

CATCH_REGISTER_LISTENER(ActivityListener)

void reset_caught_signals() {
    for (const int signal : {SIGINT, SIGTERM, SIGABRT, SIGSEGV, SIGFPE, SIGILL}) {
        struct sigaction current {};
        if (::sigaction(signal, nullptr, &current) != 0) continue;
        if (current.sa_handler == SIG_DFL || current.sa_handler == SIG_IGN) continue;
        current = {};
        ::sigaction(signal, &current, nullptr);
    }
}

}  // namespace

int run_supervised(const std::function<int()>& run) {
    const auto deadline_per_test = chosen_deadline();
    if (deadline_per_test.count() == 0) return run();

    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) throw_errno("pipe2");
    ::fcntl(ends[0], F_SETFL, O_NONBLOCK);
    ::prctl(PR_SET_CHILD_SUBREAPER, 1);
    std::fflush(nullptr);  // else the child would print it, too
    const pid_t supervisor = ::getpid();
    const pid_t child = ::fork();
    if (child < 0) throw_errno("fork");
    if (child == 0) {
        ::close(ends[0]);
        activity_pipe = ends[1];
        supervised_pid = ::getpid();
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (::getppid() != supervisor) std::_Exit(watchdog_exit_code);  // it has ended already
        std::exit(run());
    }
    ::close(ends[1]);
    std::size_t signals = 0;
    int code = 0;
    {
        std::jthread storm;
        if (const auto period = storm_period(); period.count() > 0) {
            sigset_t all, mask;
            sigfillset(&all);
            ::pthread_sigmask(SIG_SETMASK, &all, &mask);  // SIGCHLD is for the supervisor's thread
            storm = std::jthread([&](const std::stop_token& stop) { signals = run_storm(stop, child, period); });
            ::pthread_sigmask(SIG_SETMASK, &mask, nullptr);
        }
        code = Supervisor(child, ends[0], deadline_per_test).run();
    }
    if (signals > 0) std::printf("signal storm: %zu signals\n", signals);
    ::close(ends[0]);
    return code;
}

bool supervised() { return activity_pipe >= 0 && ::getpid() == supervised_pid; }

void report_activity(const std::string& test_case) { send('>', test_case); }

void report_hang(const std::string& reason) {
    if (!supervised())
        throw std::runtime_error(reason + " (process " + std::to_string(::getpid()) + ")");
    send('!', reason);
    for (;;) ::pause();  // until the watchdog has taken the stacks and kills this process
}

void prepare_process() {
    ::prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY);
    prepare_for_storm();
    [[maybe_unused]] static const int registered = ::pthread_atfork(nullptr, nullptr, [] {
        ::prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY);
        // Catch2 reports a SIGTERM as a failed test. In a forked worker it is how a pool stops it.
        if (supervised_pid > 0) reset_caught_signals();
    });
}

}  // namespace support
