// SPDX-License-Identifier: MIT
#include "support/processes.hpp"

#include <dirent.h>

#include <algorithm>
#include <cctype>
#include <fstream>
#include <memory>
#include <optional>
#include <sstream>

namespace support {
namespace {

std::optional<ProcessEntry> read_entry(const std::string& pid) {
    std::ifstream file("/proc/" + pid + "/stat");
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

}  // namespace

std::vector<ProcessEntry> all_processes() {
    std::vector<ProcessEntry> all;
    const std::unique_ptr<DIR, int (*)(DIR*)> directory(::opendir("/proc"), &::closedir);
    if (!directory) return all;
    while (const dirent* found = ::readdir(directory.get())) {
        const std::string name = found->d_name;
        if (!std::all_of(name.begin(), name.end(), [](unsigned char c) { return std::isdigit(c); }))
            continue;
        if (auto entry = read_entry(name)) all.push_back(*std::move(entry));
    }
    return all;
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

std::string describe(const ProcessEntry& process) {
    std::ifstream file("/proc/" + std::to_string(process.pid) + "/cmdline");
    std::string command;
    std::getline(file, command);
    std::replace(command.begin(), command.end(), '\0', ' ');
    return std::to_string(process.pid) + " (" + process.name + ", state " + process.state +
           "): " + command;
}

}  // namespace support
