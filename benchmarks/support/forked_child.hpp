// SPDX-License-Identifier: MIT
//
// forked_child.hpp: what one would write without a library: pipes, fork, waitpid. The peers of the
// process benchmarks are made of it.
//
//     ForkedChild child([](int input, int output) { … });   // runs in the child, which then exits
//     write_all(child.input(), &request, sizeof request);
//     read_all(child.output(), &reply, sizeof reply);
//
//     ForkedCall call([n] { return n + 1; });   // one child for one call
//     std::move(call).get();
#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "support/workload.hpp"

namespace benchmarks {

/// False at the end of the pipe.
inline bool read_all(int fd, void* data, std::size_t size) {
    for (auto* place = static_cast<std::byte*>(data); size > 0;) {
        const ssize_t count = ::read(fd, place, size);
        if (count == 0 || (count < 0 && errno != EINTR)) return false;
        if (count < 0) continue;
        place += count;
        size -= static_cast<std::size_t>(count);
    }
    return true;
}

inline bool write_all(int fd, const void* data, std::size_t size) {
    for (auto* place = static_cast<const std::byte*>(data); size > 0;) {
        const ssize_t count = ::write(fd, place, size);
        if (count < 0 && errno != EINTR) return false;
        if (count < 0) continue;
        place += count;
        size -= static_cast<std::size_t>(count);
    }
    return true;
}

class Descriptor {
  public:
    Descriptor() = default;
    explicit Descriptor(int fd) : fd_(fd) {}
    Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    Descriptor& operator=(Descriptor&& other) noexcept {
        std::swap(fd_, other.fd_);
        return *this;
    }
    ~Descriptor() { close(); }
    int get() const { return fd_; }
    void close() {
        if (fd_ >= 0) ::close(std::exchange(fd_, -1));
    }

  private:
    int fd_ = -1;
};

struct Pipe {
    Descriptor read_end, write_end;
};

inline Pipe make_pipe() {
    int ends[2];
    require("pipe", ::pipe(ends) == 0);
    return {Descriptor(ends[0]), Descriptor(ends[1])};
}

/// With a pipe in each direction. The destructor closes both and waits for the child's end.
class ForkedChild {
  public:
    template <class Body>
    explicit ForkedChild(Body body) {
        Pipe requests = make_pipe();
        Pipe replies = make_pipe();
        pid_ = ::fork();
        require("fork", pid_ >= 0);
        if (pid_ == 0) {
            requests.write_end.close();
            replies.read_end.close();
            body(requests.read_end.get(), replies.write_end.get());
            ::_exit(0);
        }
        input_ = std::move(requests.write_end);
        output_ = std::move(replies.read_end);
    }
    ForkedChild(ForkedChild&& other) noexcept
        : pid_(std::exchange(other.pid_, -1)),
          input_(std::move(other.input_)),
          output_(std::move(other.output_)) {}
    ForkedChild& operator=(ForkedChild&&) = delete;
    ~ForkedChild() { join(); }

    pid_t pid() const { return pid_; }
    int input() const { return input_.get(); }
    int output() const { return output_.get(); }
    void join() {
        input_.close();
        output_.close();
        if (pid_ > 0) require("waitpid", ::waitpid(std::exchange(pid_, -1), nullptr, 0) > 0);
    }

  private:
    pid_t pid_ = -1;
    Descriptor input_;
    Descriptor output_;
};

/// One call in a child of its own, whose result, which may be copied as bytes, comes through a pipe.
template <class T>
class ForkedCall {
  public:
    template <class Call>
    explicit ForkedCall(Call call)
        : child_([&call](int, int output) {
              const T result = call();
              require("write", write_all(output, &result, sizeof result));
          }) {}
    T get() && {
        T result{};
        require("read", read_all(child_.output(), &result, sizeof result));
        child_.join();
        return result;
    }

  private:
    ForkedChild child_;
};

template <class Call>
ForkedCall(Call) -> ForkedCall<decltype(std::declval<Call&>()())>;

}  // namespace benchmarks
