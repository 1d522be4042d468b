// SPDX-License-Identifier: MIT
//
// gate.hpp: makes "while the call is running" certain, in this process and across processes.
//
//     support::Gate started, may_finish;                       // threads
//     auto call = pool.submit([&] { started.open(); may_finish.wait(); return 7; });
//     started.wait();                                          // the call runs from here on
//     may_finish.open();
//
//     int stay(std::string gate) { support::wait_at_gate(gate); return 7; }
//     support::ProcessGate may_finish;                         // processes: the path crosses
//     auto call = pool.submit(stay, may_finish.path());
//     may_finish.open();
//
// A gate opens once and stays open. Any number may wait, before and after it opens. A wait that
// lasts beyond its deadline has the watchdog dump every stack, or throws where none watches.
// A ProcessGate is a FIFO that nobody reads: one byte in it makes it readable for every waiter at
// once, whoever else inherited its descriptors. open() takes the name away before it writes the
// byte, so a missing name means "open", and whoever found the name gets the byte.
// Threads: all members of Gate and open() of ProcessGate may be called from any thread.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>

#include "support/deadline.hpp"
#include "support/process_log.hpp"

namespace support {

inline constexpr std::chrono::seconds gate_deadline{30};

class Gate {
  public:
    explicit Gate(std::string name = "unnamed") : name_(std::move(name)) {}
    Gate(const Gate&) = delete;
    Gate& operator=(const Gate&) = delete;

    void open();
    void wait(std::chrono::milliseconds timeout = deadline(gate_deadline));
    bool is_open() const;

  private:
    const std::string name_;
    mutable std::mutex mutex_;
    std::condition_variable opened_;
    bool is_open_ = false;  // guarded by mutex_
    int waiting_ = 0;       // guarded by mutex_
};

class ProcessGate {
  public:
    ProcessGate();
    /// Opens it: nobody stays behind.
    ~ProcessGate();
    ProcessGate(const ProcessGate&) = delete;
    ProcessGate& operator=(const ProcessGate&) = delete;

    /// Names the gate in any process of this machine.
    const std::string& path() const { return path_; }
    void open();
    void wait(std::chrono::milliseconds timeout = deadline(gate_deadline)) const;

  private:
    TemporaryDirectory directory_;
    std::string path_;
    int fifo_;  // read and write: keeps the FIFO, and the byte in it, alive
};

/// In any process: returns once the gate called `path` is open.
void wait_at_gate(const std::string& path,
                  std::chrono::milliseconds timeout = deadline(gate_deadline));
/// In any process: opens it, unless it is open.
void open_gate(const std::string& path);

}  // namespace support
