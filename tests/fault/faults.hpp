// SPDX-License-Identifier: MIT
//
// faults.hpp: lets one call to the system, chosen by its number, fail.
//
//     fault::Injector injector;                          // one per program; workers find it by environment
//     injector.arm({fault::Call::read, EINTR, fault::Side::pool, 7, fault::Mode::once});
//     …                                                  // the seventh read() here is interrupted
//     fault::Report seen = injector.disarm();            // how many reads there were, how many failed
//
// faults.cpp has a __wrap_ function for each call; the program is linked with --wrap for each, so the
// library is compiled as it is. What the C and C++ libraries call inside themselves is not seen, apart
// from operator new and pthread_create. Counts are in memory that the pool's process, its template and
// its workers share, so "the k-th read of the workers" means of all of them together.
#pragma once

#include <sys/types.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace fault {

enum class Call : std::uint8_t {
    access, close, dup2, eventfd, fcntl, fork, ftruncate, futex, getrlimit, kill, memfd_create, mmap,
    new_, open, opendir, pidfd_open, pidfd_send_signal, pipe2, poll, posix_spawn, prctl, pthread_create,
    read, recvmsg, sched_getaffinity, sendmsg, setrlimit, socketpair, spawn_actions, wait4, write, writev
};
inline constexpr std::size_t call_count = 32;
const char* name_of(Call call);

/// Instead of an errno: the call moves one byte only.
inline constexpr int short_transfer = -1;

/// What each call may fail with.
std::span<const int> effects_of(Call call);
/// The effect is no failure: whoever is told of it only has to go on.
bool is_harmless(Call call, int effect);

/// Whose calls fail: those of the process that made the Injector, or those of all other processes.
enum class Side : std::uint8_t { pool, workers };
/// Only the chosen call, or that one and all after it (a hundred of them, of those that say "again": for ever
/// would be no system that anybody has).
enum class Mode : std::uint8_t { once, from_here_on };

struct Fault {
    Call call{};
    int effect = 0;
    Side side{};
    std::uint64_t number = 0;  // from 1 on; 0: none fails, all are counted
    Mode mode{};
};
std::string describe(const Fault& fault);

struct Report {
    std::array<std::array<std::uint64_t, call_count>, 2> calls{};  // by Side
    std::uint64_t failed = 0;
};

class Injector {
  public:
    Injector();
    ~Injector();
    Injector(const Injector&) = delete;
    Injector& operator=(const Injector&) = delete;

    void arm(const Fault& fault);
    Report disarm();

  private:
    std::string path_;
};

/// While one exists, calls of this thread neither count nor fail: for what the test does itself.
class Quiet {
  public:
    Quiet();
    ~Quiet();
};

}  // namespace fault
