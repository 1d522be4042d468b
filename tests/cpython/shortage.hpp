// SPDX-License-Identifier: MIT
//
// shortage.hpp: makes the system run out of something for a while.
//
//     { const NoMoreDescriptors shortage; … }    // open(), pipe(), … fail with EMFILE
//     { const NoMoreThreads shortage; … }        // std::thread throws std::system_error (EAGAIN)
//
// Neither needs rights that a test lacks, or loses what root has too many of.
#pragma once

#include <fcntl.h>
#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstddef>
#include <stdexcept>
#include <vector>

#include "support/deadline.hpp"

namespace cpython {

/// UndefinedBehaviorSanitizer, which comes with AddressSanitizer here, makes a pipe to look at an
/// object of unknown type; where it cannot, it takes the object for a wrong one.
inline constexpr bool can_run_out_of_descriptors = !support::address_sanitized;
inline constexpr const char* why_not_out_of_descriptors =
    "UndefinedBehaviorSanitizer needs descriptors itself; the other lanes run this";

/// Begins at construction. Descriptors that were opened after that of a DescriptorFloor may close
/// meanwhile without that others could open in their place.
class NoMoreDescriptors {
  public:
    /// No descriptor can be opened at or above `limit`.
    explicit NoMoreDescriptors(int limit) {
        ::getrlimit(RLIMIT_NOFILE, &before_);
        rlimit now = before_;
        now.rlim_cur = static_cast<rlim_t>(limit);
        if (::setrlimit(RLIMIT_NOFILE, &now) != 0) throw std::runtime_error("setrlimit failed");
    }
    ~NoMoreDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }
    NoMoreDescriptors(const NoMoreDescriptors&) = delete;
    NoMoreDescriptors& operator=(const NoMoreDescriptors&) = delete;

  private:
    rlimit before_{};
};

/// Occupies all descriptors below `limit`, so that what is opened later lies above.
class DescriptorFloor {
  public:
    explicit DescriptorFloor(int limit) : limit_(limit) {
        for (;;) {
            const int fd = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
            if (fd < 0) throw std::runtime_error("/dev/null cannot be opened");
            if (fd >= limit) {
                ::close(fd);
                return;
            }
            held_.push_back(fd);
        }
    }
    ~DescriptorFloor() {
        for (const int fd : held_) ::close(fd);
    }
    DescriptorFloor(const DescriptorFloor&) = delete;
    DescriptorFloor& operator=(const DescriptorFloor&) = delete;

    int limit() const noexcept { return limit_; }

  private:
    const int limit_;
    std::vector<int> held_;
};

/// New threads ask for a stack that no machine has.
class NoMoreThreads {
  public:
    NoMoreThreads() {
        pthread_attr_t attributes;
        ::pthread_getattr_default_np(&attributes);
        ::pthread_attr_getstacksize(&attributes, &before_);
        set_stack_size(std::size_t{1} << 46);
        ::pthread_attr_destroy(&attributes);
    }
    ~NoMoreThreads() { set_stack_size(before_); }
    NoMoreThreads(const NoMoreThreads&) = delete;
    NoMoreThreads& operator=(const NoMoreThreads&) = delete;

  private:
    static void set_stack_size(std::size_t size) {
        pthread_attr_t attributes;
        ::pthread_attr_init(&attributes);
        ::pthread_attr_setstacksize(&attributes, size);
        ::pthread_setattr_default_np(&attributes);
        ::pthread_attr_destroy(&attributes);
    }
    std::size_t before_ = 0;
};

}  // namespace cpython
