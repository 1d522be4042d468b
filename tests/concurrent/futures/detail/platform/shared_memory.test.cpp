// SPDX-License-Identifier: MIT
#include <concurrent/futures/detail/platform/shared_memory.hpp>
#include <concurrent/futures/detail/platform/valgrind.hpp>
#include <sys/resource.h>
#include <sys/wait.h>

#include <catch2/catch_test_macros.hpp>
#include <cstring>
#include <fstream>
#include <utility>

#include "support/deadline.hpp"
#include "support/file_size_limit.hpp"
#include "support/forked.hpp"
#include "support/processes.hpp"

namespace {

using namespace concurrent::futures::detail;
using Access = SharedMemory::Access;
constexpr std::size_t mebibyte = 1024 * 1024;

std::size_t address_space_in_use() {
    std::size_t pages = 0;
    std::ifstream("/proc/self/statm") >> pages;
    return pages * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

TEST_CASE("a large region costs nothing until it is provided, and again after it is discarded", "[shared_memory]") {
    const SharedMemory region = SharedMemory::make(shared_memory_reservation(), Access::write);
    REQUIRE(region);
    CHECK(region.size() >= 64 * mebibyte);
    CHECK(region.provided() == 0);
    REQUIRE(region.provide(8 * mebibyte, 10 * mebibyte));
    CHECK(region.provided() == 10 * mebibyte);
    std::memset(region.data() + 8 * mebibyte, 'x', 10 * mebibyte);
    region.discard(9 * mebibyte, mebibyte);
    CHECK(region.provided() == 9 * mebibyte);
    CHECK(region.data()[9 * mebibyte] == std::byte{0});
    CHECK(region.data()[10 * mebibyte] == std::byte{'x'});
}

TEST_CASE("who got it for reading reads what is written, and can neither write nor resize it", "[shared_memory]") {
    const SharedMemory region = SharedMemory::make(mebibyte, Access::write);
    FileDescriptor passed = region.descriptor(Access::read);
    REQUIRE(passed);
    const int fd = passed.get();
    const SharedMemory same = SharedMemory::map(std::move(passed), Access::read);
    REQUIRE(same);
    CHECK(same.size() == region.size());
    std::strcpy(reinterpret_cast<char*>(region.data()), "hello");
    CHECK(std::strcmp(reinterpret_cast<const char*>(same.data()), "hello") == 0);
    CHECK(::mprotect(same.data(), SharedMemory::page, PROT_READ | PROT_WRITE) != 0);
    CHECK(::ftruncate(fd, 0) != 0);
    CHECK_FALSE(same.provide(0, 4096));
    CHECK(::ftruncate(region.fd(), 0) != 0);
    CHECK(::ftruncate(region.fd(), static_cast<off_t>(2 * mebibyte)) != 0);
}

TEST_CASE("who got it for writing writes for the one that maps it for reading", "[shared_memory]") {
    const SharedMemory region = SharedMemory::make(mebibyte, Access::read);
    const SharedMemory same = SharedMemory::map(region.descriptor(Access::write), Access::write);
    REQUIRE(same);
    REQUIRE(same.provide(SharedMemory::page, SharedMemory::page));
    same.data()[SharedMemory::page] = std::byte{7};
    CHECK(region.data()[SharedMemory::page] == std::byte{7});
    REQUIRE(region.writable_page() == region.data());
    region.data()[0] = std::byte{9};
    CHECK(same.data()[0] == std::byte{9});
}

TEST_CASE("memory whose length could change is not taken for shared memory", "[shared_memory]") {
    FileDescriptor fd(::memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    REQUIRE(::ftruncate(fd.get(), 4096) == 0);
    CHECK_FALSE(SharedMemory::map(FileDescriptor(::dup(fd.get())), Access::read));
    CHECK_FALSE(SharedMemory::map(FileDescriptor(::open("/dev/zero", O_RDWR | O_CLOEXEC)), Access::read));
    CHECK_FALSE(SharedMemory::map(FileDescriptor(), Access::write));
}

TEST_CASE("where files may not be large, there is less of it or none, and no signal", "[shared_memory]") {
    {
        const support::FileSizeLimit limit(mebibyte);
        CHECK(SharedMemory::make(shared_memory_reservation(), Access::write).size() == mebibyte);
    }
    const support::FileSizeLimit limit(100);
    CHECK_FALSE(SharedMemory::make(shared_memory_reservation(), Access::write));
}

TEST_CASE("a fork gets no mapping to write to", "[shared_memory]") {
    const SharedMemory region = SharedMemory::make(mebibyte, Access::write);
    const pid_t child = ::fork();
    if (child == 0) {
        unsigned char resident = 0;
        ::_exit(::mincore(region.data(), SharedMemory::page, &resident) != 0 && errno == ENOMEM ? 0 : 1);
    }
    int status = 0;
    REQUIRE(support::wait_for_end(child, &status) == child);
    CHECK(status == 0);
}

TEST_CASE("an assignment takes over memory, size and descriptor", "[shared_memory]") {
    SharedMemory made = SharedMemory::make(mebibyte, Access::write);
    std::byte* const place = made.data();
    const int fd = made.fd();
    SharedMemory region;
    region = std::move(made);
    CHECK((region.data() == place && region.size() == mebibyte && region.fd() == fd));
    CHECK_FALSE(made);
}

TEST_CASE("shared memory never has the number of a standard stream", "[shared_memory]") {
    const auto fd_without_input = [] {
        ::close(STDIN_FILENO);
        return SharedMemory::make(mebibyte, Access::write).fd() >= 10 ? 0 : 1;
    };
    CHECK(support::run_forked(fd_without_input).exit_code() == 0);
}

TEST_CASE("where address space is limited, a part of it is taken", "[shared_memory]") {
    if (support::sanitized || runs_under_valgrind()) SKIP("sanitizers and valgrind need address space of their own");
    if (address_space_in_use() == 0) SKIP("this system does not tell how much address space is in use");
    const auto size_in_limits = [] {
        rlimit space{};
        ::getrlimit(RLIMIT_AS, &space);
        space.rlim_cur = address_space_in_use() + 200 * mebibyte;
        ::setrlimit(RLIMIT_AS, &space);
        return SharedMemory::make(1024 * mebibyte, Access::write).size() == 128 * mebibyte ? 0 : 1;
    };
    CHECK(support::run_forked(size_in_limits).exit_code() == 0);
}

}  // namespace
