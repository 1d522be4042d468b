// SPDX-License-Identifier: MIT
//
// process_log.hpp: what happened in other processes, counted and written down.
//
//     void work(std::string log) { support::append_line(log, "ran"); }
//
//     support::ProcessLog log;
//     pool.submit(work, log.path());
//     log.wait_for(1);                 // blocks until one line is there, without polling
//     log.lines();                     // {"ran"}
//
//     support::ProcessCounter ran;     // the same for events without a text:
//     count_event(ran.path());         // in any process
//     ran.value();
//
// A file, appended to by single O_APPEND writes: lines never mix, and a process that is killed
// afterwards has still been counted.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "support/deadline.hpp"

namespace support {

/// A directory of its own, removed with all in it by the process that made it.
class TemporaryDirectory {
  public:
    TemporaryDirectory();
    ~TemporaryDirectory();
    TemporaryDirectory(const TemporaryDirectory&) = delete;
    TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

    const std::string& path() const { return path_; }
    /// False in a forked copy of the process that made it.
    bool owned() const;

  private:
    std::string path_;
    pid_t owner_;
};

class ProcessLog {
  public:
    ProcessLog();

    const std::string& path() const { return path_; }
    std::vector<std::string> lines() const;
    /// Returns once there are `count` lines.
    void wait_for(std::size_t count,
                  std::chrono::milliseconds timeout = deadline(std::chrono::seconds(30))) const;

  private:
    TemporaryDirectory directory_;
    std::string path_;
};

/// In any process: adds `line` to the log called `path`.
void append_line(const std::string& path, std::string_view line);

class ProcessCounter {
  public:
    const std::string& path() const { return log_.path(); }
    std::size_t value() const { return log_.lines().size(); }
    /// Returns once `count` events have been counted.
    void wait_for(std::size_t count,
                  std::chrono::milliseconds timeout = deadline(std::chrono::seconds(30))) const {
        log_.wait_for(count, timeout);
    }

  private:
    ProcessLog log_;
};

/// In any process: adds one to the counter called `path`.
inline void count_event(const std::string& path) { append_line(path, {}); }

}  // namespace support
