// SPDX-License-Identifier: MIT
//
// What gcov counts, in a file that all processes of a program map: scripts/coverage.sh links this into each test.
//
// gcov counts in memory and writes the counts in exit(). A worker that is killed, or that dies of a signal as a test
// wants it to, would take its counts along. Here the pages of the counters (shared_counters.ld) are those of the file
// COVERAGE_COUNTERS/<name of the program>, from before main() on, in all processes: spawned ones map it again, forked
// ones inherit it. Nothing is set to zero in a fork and nothing is written at an exit. When all tests have run, the
// program is started once more with CONCURRENT_FUTURES_WRITE_COVERAGE set: it then only writes gcov's usual files.
//
// A process that cannot open the file counts for itself, in vain. -fprofile-update=atomic makes the counts right.
#include <fcntl.h>
#include <limits.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstddef>
#include <cstdlib>
#include <string>

extern "C" {
extern char coverage_counters_begin[];
extern char coverage_counters_end[];

void __real___gcov_dump();
// By --wrap, in place of gcov's own.
void __wrap___gcov_dump() {}
void __wrap___gcov_exit() {}
void __wrap___gcov_reset() {}
pid_t __wrap___gcov_fork() { return ::fork(); }
}

namespace {

// After gcov's own initialization, whose priority is 100.
__attribute__((constructor(101))) void share_counters() {
    char program[PATH_MAX];
    const ssize_t length = ::readlink("/proc/self/exe", program, sizeof program);
    if (length <= 0) return;
    const std::string path(program, static_cast<std::size_t>(length));
    const std::string file = COVERAGE_COUNTERS + path.substr(path.rfind('/'));
    const int descriptor = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (descriptor < 0) return;
    ::fchmod(descriptor, 0666);  // a test may run as another user
    const auto size = static_cast<std::size_t>(coverage_counters_end - coverage_counters_begin);
    if (::ftruncate(descriptor, static_cast<off_t>(size)) == 0)
        ::mmap(coverage_counters_begin, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, descriptor, 0);
    ::close(descriptor);
    if (std::getenv("CONCURRENT_FUTURES_WRITE_COVERAGE") == nullptr) return;
    __real___gcov_dump();
    ::_exit(EXIT_SUCCESS);
}

}  // namespace
