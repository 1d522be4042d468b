// SPDX-License-Identifier: MIT
#include "support/signal_storm.hpp"

#include <dirent.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "support/processes.hpp"

namespace support {
namespace {

constexpr int storm_signal = SIGURG;

std::vector<pid_t> threads_of(pid_t process) {
    std::vector<pid_t> threads;
    const std::string folder = "/proc/" + std::to_string(process) + "/task";
    const std::unique_ptr<DIR, int (*)(DIR*)> directory(::opendir(folder.c_str()), &::closedir);
    if (!directory) return threads;
    while (const dirent* found = ::readdir(directory.get()))
        if (found->d_name[0] != '.') threads.push_back(static_cast<pid_t>(std::atol(found->d_name)));
    return threads;
}

}  // namespace

std::chrono::microseconds storm_period() {
    const char* const chosen = std::getenv("CONCURRENT_FUTURES_TEST_SIGNAL_STORM");
    return std::chrono::microseconds(chosen ? std::strtol(chosen, nullptr, 10) : 0);
}

void prepare_for_storm() {
    if (storm_period().count() == 0) return;
    struct sigaction action {};
    action.sa_handler = [](int) {};
    ::sigaction(storm_signal, &action, nullptr);
}

std::size_t run_storm(const std::stop_token& stop, pid_t root, std::chrono::microseconds period) {
    std::minstd_rand random(static_cast<unsigned>(root));
    const auto one_of = [&](const std::vector<pid_t>& all) { return all[random() % all.size()]; };
    const timespec pause{period.count() / 1'000'000, period.count() % 1'000'000 * 1000};
    std::size_t sent = 0;
    std::vector<pid_t> processes;
    while (!stop.stop_requested()) {
        if (sent % 50 == 0) {  // workers come and go
            processes.assign(1, root);
            for (const ProcessEntry& each : descendants_of(root)) processes.push_back(each.pid);
        }
        const pid_t process = random() % 2 == 0 ? root : one_of(processes);
        const std::vector<pid_t> threads = threads_of(process);
        if (!threads.empty()) ::syscall(SYS_tgkill, process, one_of(threads), storm_signal);
        ++sent;
        ::nanosleep(&pause, nullptr);
    }
    return sent;
}

}  // namespace support
