// SPDX-License-Identifier: MIT
//
// file_size_limit.hpp: for a while no file of this process may be larger than so many bytes. Pools that are
// made then have little or no shared memory, and what is large goes through their pipes.
#pragma once

#include <sys/resource.h>

#include <cstddef>

namespace support {

class FileSizeLimit {
  public:
    explicit FileSizeLimit(std::size_t bytes) {
        ::getrlimit(RLIMIT_FSIZE, &before_);
        const rlimit limit{static_cast<rlim_t>(bytes), before_.rlim_max};
        ::setrlimit(RLIMIT_FSIZE, &limit);
    }
    FileSizeLimit(const FileSizeLimit&) = delete;
    FileSizeLimit& operator=(const FileSizeLimit&) = delete;
    ~FileSizeLimit() { ::setrlimit(RLIMIT_FSIZE, &before_); }

  private:
    rlimit before_{};
};

}  // namespace support
