// SPDX-License-Identifier: MIT
//
// shared_mappings.hpp: what this process has of the memory of SharedArrays and Broadcasts.
#pragma once

#include <sys/resource.h>
#include <unistd.h>

#include <climits>
#include <cstddef>
#include <fstream>
#include <string>

namespace support {

/// How many pieces of it are mapped here.
inline int shared_mappings() {
    std::ifstream maps("/proc/self/maps");
    std::string line;
    int count = 0;
    while (std::getline(maps, line)) count += line.find("memfd:concurrent_futures_shared") != std::string::npos;
    return count;
}

/// For a while this process gets no descriptors but those it has.
class NoDescriptors {
  public:
    NoDescriptors() {
        ::getrlimit(RLIMIT_NOFILE, &before_);
        const rlimit none{0, before_.rlim_max};
        ::setrlimit(RLIMIT_NOFILE, &none);
    }
    NoDescriptors(const NoDescriptors&) = delete;
    NoDescriptors& operator=(const NoDescriptors&) = delete;
    ~NoDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }

  private:
    rlimit before_{};
};

}  // namespace support
