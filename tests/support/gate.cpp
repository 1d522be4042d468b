// SPDX-License-Identifier: MIT
#include "support/gate.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <concurrent/futures/detail/platform/valgrind.hpp>
#include <system_error>

#include "support/watchdog.hpp"

namespace support {
namespace {

[[noreturn]] void throw_errno(const std::string& what) {
    throw std::system_error(errno, std::generic_category(), what);
}

/// Valgrind is 20 to 60 times slower.
std::chrono::milliseconds scaled(std::chrono::milliseconds timeout) {
    return concurrent::futures::detail::runs_under_valgrind() ? 20 * timeout : timeout;
}

/// Waits until the FIFO holds its byte.
void wait_for_byte(int fifo, const std::string& path, std::chrono::milliseconds timeout) {
    using Clock = std::chrono::steady_clock;
    timeout = scaled(timeout);
    const auto end = Clock::now() + timeout;
    pollfd waiting{fifo, POLLIN, 0};
    for (;;) {
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - Clock::now());
        if (left.count() <= 0)
            report_hang("the gate " + path + " was not opened within " +
                        std::to_string(timeout.count()) + " ms");
        const int ready = ::poll(&waiting, 1, static_cast<int>(left.count()));
        if (ready > 0) return;
        if (ready < 0 && errno != EINTR) throw_errno("poll on the gate " + path);
    }
}

/// Takes the name away, then writes the byte: see the banner of gate.hpp.
void open_fifo(int fifo, const std::string& path) {
    if (::unlink(path.c_str()) != 0) {
        if (errno == ENOENT) return;
        throw_errno("unlink of the gate " + path);
    }
    if (::write(fifo, "", 1) != 1) throw_errno("write to the gate " + path);
}

}  // namespace

void Gate::open() {
    const std::lock_guard lock(mutex_);
    is_open_ = true;
    opened_.notify_all();
}

void Gate::wait(std::chrono::milliseconds timeout) {
    std::unique_lock lock(mutex_);
    ++waiting_;
    timeout = scaled(timeout);
    const bool in_time = opened_.wait_for(lock, timeout, [this] { return is_open_; });
    if (!in_time)
        report_hang("the gate '" + name_ + "' was not opened within " +
                    std::to_string(timeout.count()) + " ms; " + std::to_string(waiting_) +
                    " threads wait at it");
    --waiting_;
}

bool Gate::is_open() const {
    const std::lock_guard lock(mutex_);
    return is_open_;
}

ProcessGate::ProcessGate() : path_(directory_.path() + "/gate") {
    if (::mkfifo(path_.c_str(), 0600) != 0) throw_errno("mkfifo " + path_);
    fifo_ = ::open(path_.c_str(), O_RDWR | O_CLOEXEC);
    if (fifo_ < 0) throw_errno("open " + path_);
}

ProcessGate::~ProcessGate() {
    if (directory_.owned()) open();  // a forked copy must not open it
    ::close(fifo_);
}

void ProcessGate::open() { open_fifo(fifo_, path_); }

void ProcessGate::wait(std::chrono::milliseconds timeout) const {
    wait_for_byte(fifo_, path_, timeout);
}

void wait_at_gate(const std::string& path, std::chrono::milliseconds timeout) {
    // Only a reader, so that poll also returns (POLLHUP) once everybody who could open is gone.
    const int fifo = ::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fifo < 0) {
        if (errno == ENOENT) return;
        throw_errno("open " + path);
    }
    // The name may have gone between finding and opening it, and the byte with the last
    // descriptor. If the name is still there, the byte is yet to come and comes to this FIFO.
    struct Closing {
        int descriptor;
        ~Closing() { ::close(descriptor); }
    } closing{fifo};
    if (::access(path.c_str(), F_OK) != 0) return;
    wait_for_byte(fifo, path, timeout);
}

void open_gate(const std::string& path) {
    const int fifo = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
    if (fifo < 0) {
        if (errno == ENOENT) return;
        throw_errno("open " + path);
    }
    open_fifo(fifo, path);
    ::close(fifo);
}

}  // namespace support
