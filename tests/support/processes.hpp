// SPDX-License-Identifier: MIT
//
// processes.hpp: the processes of this machine, as /proc shows them.
//
//     for (const support::ProcessEntry& child : support::children_of(getpid())) …
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <string>
#include <vector>

namespace support {

struct ProcessEntry {
    pid_t pid = 0;
    pid_t parent = 0;
    char state = '?';  // as in ps: R running, S sleeping, Z ended but not yet waited for, …
    std::string name;
};

std::vector<ProcessEntry> all_processes();
/// Of the process's first thread; '?' if there is none.
char state_of(pid_t pid);
/// For a fifth of a second at most: a thread may compute for longer.
void wait_until_other_threads_sleep() noexcept;
std::vector<ProcessEntry> children_of(pid_t parent);
/// `root` itself is not part of it.
std::vector<ProcessEntry> descendants_of(pid_t root);
/// waitpid() without options, which a signal does not end. `status` may be null.
pid_t wait_for_end(pid_t child, int* status);
/// Heap and private mappings of this process, in bytes, as max_memory_bytes counts them. 0: the system does not say.
std::size_t private_memory();
/// "1234 (name, state S): command line"
std::string describe(const ProcessEntry& process);

}  // namespace support
