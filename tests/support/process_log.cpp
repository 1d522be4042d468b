// SPDX-License-Identifier: MIT
#include "support/process_log.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <system_error>

#include "support/watchdog.hpp"

namespace support {
namespace {

[[noreturn]] void throw_errno(const std::string& what) {
    throw std::system_error(errno, std::generic_category(), what);
}

struct Descriptor {
    int value;
    ~Descriptor() {
        if (value >= 0) ::close(value);
    }
};

}  // namespace

TemporaryDirectory::TemporaryDirectory()
    : path_((std::filesystem::temp_directory_path() / "concurrent_futures_XXXXXX").string()),
      owner_(::getpid()) {
    if (::mkdtemp(path_.data()) == nullptr) throw_errno("mkdtemp " + path_);
}

bool TemporaryDirectory::owned() const { return ::getpid() == owner_; }

TemporaryDirectory::~TemporaryDirectory() {
    if (!owned()) return;
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
}

ProcessLog::ProcessLog() : path_(directory_.path() + "/log") {
    if (!std::ofstream(path_)) throw_errno("cannot create " + path_);
}

std::vector<std::string> ProcessLog::lines() const {
    std::vector<std::string> all;
    std::ifstream file(path_);
    for (std::string line; std::getline(file, line);) all.push_back(line);
    return all;
}

void ProcessLog::wait_for(std::size_t count, std::chrono::milliseconds timeout) const {
    using Clock = std::chrono::steady_clock;
    const auto end = Clock::now() + timeout;
    const Descriptor changes{::inotify_init1(IN_CLOEXEC | IN_NONBLOCK)};
    if (changes.value < 0 || ::inotify_add_watch(changes.value, path_.c_str(), IN_MODIFY) < 0)
        throw_errno("inotify on " + path_);
    // The watch is set before the first look, so a line written after the look wakes the poll.
    while (lines().size() < count) {
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - Clock::now());
        if (left.count() <= 0)
            report_hang(path_ + " has " + std::to_string(lines().size()) + " of " +
                        std::to_string(count) + " lines after " + std::to_string(timeout.count()) +
                        " ms");
        pollfd changed{changes.value, POLLIN, 0};
        if (::poll(&changed, 1, static_cast<int>(left.count())) < 0 && errno != EINTR)
            throw_errno("poll on " + path_);
        alignas(inotify_event) char events[4096];
        while (::read(changes.value, events, sizeof events) > 0) {
        }
    }
}

void append_line(const std::string& path, std::string_view line) {
    const Descriptor file{::open(path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC)};
    if (file.value < 0) throw_errno("open " + path);
    const std::string text = std::string(line) + '\n';
    if (::write(file.value, text.data(), text.size()) != static_cast<ssize_t>(text.size()))
        throw_errno("write to " + path);
}

}  // namespace support
