// SPDX-License-Identifier: MIT
#include "support/processes.hpp"

#include <dirent.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <chrono>
#include <exception>
#include <fstream>
#include <memory>
#include <optional>
#include <sstream>
#include <thread>

namespace support {
namespace {

/// Of a process or of a thread.
std::optional<ProcessEntry> read_entry(const std::string& pid, const std::string& folder = "/proc") {
    std::ifstream file(folder + '/' + pid + "/stat");
    std::string text;
    if (!std::getline(file, text)) return std::nullopt;  // it ended meanwhile
    // pid (name) state parent …; the name may itself hold spaces and parentheses.
    const auto open = text.find('(');
    const auto close = text.rfind(')');
    if (open == std::string::npos || close == std::string::npos) return std::nullopt;
    ProcessEntry entry;
    entry.pid = static_cast<pid_t>(std::stol(pid));
    entry.name = text.substr(open + 1, close - open - 1);
    std::istringstream(text.substr(close + 1)) >> entry.state >> entry.parent;
    return entry;
}

std::vector<ProcessEntry> all_in(const std::string& folder) {
    std::vector<ProcessEntry> all;
    const std::unique_ptr<DIR, int (*)(DIR*)> directory(::opendir(folder.c_str()), &::closedir);
    if (!directory) return all;
    while (const dirent* found = ::readdir(directory.get())) {
        const std::string name = found->d_name;
        if (!std::all_of(name.begin(), name.end(), [](unsigned char c) { return std::isdigit(c); }))
            continue;
        if (auto entry = read_entry(name, folder)) all.push_back(*std::move(entry));
    }
    return all;
}

}  // namespace

std::vector<ProcessEntry> all_processes() { return all_in("/proc"); }

char state_of(pid_t pid) {
    const auto entry = read_entry(std::to_string(pid));
    return entry ? entry->state : '?';
}

void wait_until_other_threads_sleep() noexcept {
    const pid_t self = ::gettid();
    const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(200);
    const auto runs = [=](const ProcessEntry& thread) { return thread.pid != self && thread.state == 'R'; };
    try {
        for (;;) {
            const auto threads = all_in("/proc/self/task");
            if (std::none_of(threads.begin(), threads.end(), runs) || std::chrono::steady_clock::now() > end) return;
            std::this_thread::yield();
        }
    } catch (const std::exception&) {  // no memory
    }
}

std::vector<ProcessEntry> children_of(pid_t parent) {
    auto found = all_processes();
    std::erase_if(found, [=](const ProcessEntry& entry) { return entry.parent != parent; });
    return found;
}

std::vector<ProcessEntry> descendants_of(pid_t root) {
    const auto all = all_processes();
    std::vector<pid_t> parents{root};
    std::vector<ProcessEntry> found;
    for (std::size_t i = 0; i < parents.size(); ++i) {
        for (const ProcessEntry& entry : all) {
            if (entry.parent != parents[i]) continue;
            parents.push_back(entry.pid);
            found.push_back(entry);
        }
    }
    return found;
}

pid_t wait_for_end(pid_t child, int* status) {
    pid_t ended = 0;
    do ended = ::waitpid(child, status, 0);
    while (ended < 0 && errno == EINTR);
    return ended;
}

std::size_t private_memory() {
    std::ifstream file("/proc/self/status");
    for (std::string word; file >> word;)
        if (std::size_t kibibytes = 0; word == "VmData:" && file >> kibibytes) return kibibytes * 1024;
    return 0;
}

std::string describe(const ProcessEntry& process) {
    std::ifstream file("/proc/" + std::to_string(process.pid) + "/cmdline");
    std::string command;
    std::getline(file, command);
    std::replace(command.begin(), command.end(), '\0', ' ');
    return std::to_string(process.pid) + " (" + process.name + ", state " + process.state +
           "): " + command;
}

}  // namespace support
