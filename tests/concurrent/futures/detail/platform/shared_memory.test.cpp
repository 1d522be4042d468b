// SPDX-License-Identifier: MIT
#include <concurrent/futures/detail/platform/shared_memory.hpp>
#include <sys/wait.h>

#include <catch2/catch_test_macros.hpp>
#include <cstring>
#include <utility>

#include "support/file_size_limit.hpp"
#include "support/processes.hpp"

namespace {

using namespace concurrent::futures::detail;
using Access = SharedMemory::Access;
constexpr std::size_t mebibyte = 1024 * 1024;

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

}  // namespace
