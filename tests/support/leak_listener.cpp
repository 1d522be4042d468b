// SPDX-License-Identifier: MIT
#include "support/leak_listener.hpp"

#include <dirent.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <catch2/catch_test_case_info.hpp>
#include <catch2/reporters/catch_reporter_event_listener.hpp>
#include <catch2/reporters/catch_reporter_registrars.hpp>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <memory>
#include <string_view>
#include <thread>

#include "support/deadline.hpp"
#include "support/processes.hpp"
#include "support/watchdog.hpp"

namespace support {
namespace {

std::vector<std::string> names_in(const std::string& path) {
    std::vector<std::string> names;
    const std::unique_ptr<DIR, int (*)(DIR*)> directory(::opendir(path.c_str()), &::closedir);
    if (!directory) return names;
    // The descriptor that reads the directory is not one of the test's.
    const std::string own = std::to_string(::dirfd(directory.get()));
    while (const dirent* found = ::readdir(directory.get()))
        if (found->d_name[0] != '.' && found->d_name != own) names.emplace_back(found->d_name);
    return names;
}

std::map<pid_t, std::string> read_threads() {
    std::map<pid_t, std::string> found;
    const std::string folder = "/proc/self/task";
    const std::unique_ptr<DIR, int (*)(DIR*)> directory(::opendir(folder.c_str()), &::closedir);
    if (!directory) return found;
    while (const dirent* entry = ::readdir(directory.get())) {
        if (entry->d_name[0] == '.') continue;
        std::string name = "?";
        std::ifstream file(folder + '/' + entry->d_name + "/comm");
        if (!std::getline(file, name)) continue;  // it ended meanwhile
        found.emplace(static_cast<pid_t>(std::stol(entry->d_name)), name);
    }
    return found;
}

std::map<int, std::string> read_descriptors() {
    std::map<int, std::string> found;
    const std::string folder = "/proc/self/fd";
    for (const std::string& name : names_in(folder)) {
        std::array<char, 4096> target;
        const ssize_t length =
            ::readlink((folder + '/' + name).c_str(), target.data(), target.size());
        if (length < 0) continue;
        std::string meaning(target.data(), static_cast<std::size_t>(length));
        constexpr std::string_view deleted = " (deleted)";  // still the same file
        if (meaning.ends_with(deleted)) meaning.resize(meaning.size() - deleted.size());
        found.emplace(std::stoi(name), std::move(meaning));
    }
    return found;
}

std::map<pid_t, std::string> read_processes() {
    std::map<pid_t, std::string> found;
    const pid_t self = ::getpid();
    const pid_t watchdog = supervised() ? ::getppid() : self;
    for (const ProcessEntry& process : all_processes()) {
        if (process.pid == self || (process.parent != self && process.parent != watchdog)) continue;
        found.emplace(process.pid, describe(process));
    }
    return found;
}

std::string disposition(int signal) {
    struct sigaction current {};
    if (::sigaction(signal, nullptr, &current) != 0) return "unknown";
    if (current.sa_handler == SIG_DFL) return "default";
    if (current.sa_handler == SIG_IGN) return "ignored";
    std::array<char, 32> text;
    std::snprintf(text.data(), text.size(), "handler %p",
                  reinterpret_cast<void*>(current.sa_handler));
    return text.data();
}

std::map<std::string, std::string> read_signals() {
    std::map<std::string, std::string> found;
    for (const int signal : {SIGPIPE, SIGCHLD, SIGINT, SIGTERM})
        found.emplace(std::string("SIG") + ::sigabbrev_np(signal), disposition(signal));
    sigset_t mask;
    ::pthread_sigmask(SIG_BLOCK, nullptr, &mask);
    std::string blocked;
    for (int signal = 1; signal < NSIG; ++signal)
        if (sigismember(&mask, signal) == 1) blocked += ' ' + std::to_string(signal);
    found.emplace("blocked signals", blocked.empty() ? "none" : blocked);
    return found;
}

template <class Key>
void compare(const std::string& kind, const std::map<Key, std::string>& before,
             const std::map<Key, std::string>& after, bool compare_values,
             std::vector<std::string>& leaks) {
    for (const auto& [key, value] : after) {
        const auto old = before.find(key);
        if (old != before.end() && (!compare_values || old->second == value)) continue;
        std::string line = kind + ' ';
        if constexpr (std::is_same_v<Key, std::string>)
            line += key + ": " + value;
        else
            line += std::to_string(key) + ": " + value;
        if (old != before.end()) line += ", was " + old->second;
        leaks.push_back(line);
    }
}

int leaking_test_cases = 0;

class LeakListener : public Catch::EventListenerBase {
  public:
    using Catch::EventListenerBase::EventListenerBase;

    void testRunStarting(const Catch::TestRunInfo&) override {
        // ThreadSanitizer starts a thread of its own, for good, just before the program's first one.
        // Nothing in /proc tells the two apart (numbers start again from below), so here it is made
        // to do so before anything is compared.
        if (thread_sanitized) std::thread([] {}).join();
    }

    void testCaseStarting(const Catch::TestCaseInfo&) override {
        before_ = ProcessResources::now();
    }

    void testCaseEnded(const Catch::TestCaseStats& ended) override {
        const auto leaks = leaks_since(before_, deadline(settle_time));
        if (leaks.empty()) return;
        ++leaking_test_cases;
        std::fprintf(stderr, "\nLEAK in test case '%s' (fails the run):\n",
                     ended.testInfo->name.c_str());
        for (const std::string& leak : leaks) std::fprintf(stderr, "  %s\n", leak.c_str());
    }

  private:
    ProcessResources before_;
};

CATCH_REGISTER_LISTENER(LeakListener)

}  // namespace

ProcessResources ProcessResources::now() {
    return {read_threads(), read_descriptors(), read_processes(), read_signals()};
}

std::vector<std::string> differences(const ProcessResources& before,
                                     const ProcessResources& after) {
    std::vector<std::string> leaks;
    compare("thread", before.threads, after.threads, false, leaks);
    compare("descriptor", before.descriptors, after.descriptors, true, leaks);
    compare("process", before.processes, after.processes, false, leaks);
    compare("disposition of", before.signals, after.signals, true, leaks);
    return leaks;
}

std::vector<std::string> leaks_since(const ProcessResources& before,
                                     std::chrono::milliseconds settle) {
    const auto end = std::chrono::steady_clock::now() + settle;
    for (;;) {
        auto leaks = differences(before, ProcessResources::now());
        if (leaks.empty() || std::chrono::steady_clock::now() > end) return leaks;
        // Nothing tells when a thread has left /proc, so this looks again until the deadline.
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
}

int leaks_found() { return leaking_test_cases; }

}  // namespace support
