// SPDX-License-Identifier: MIT
#include <concurrent/futures/detail/platform/shared_block.hpp>

#include <sys/wait.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cstring>
#include <string>
#include <utility>

#include "support/file_size_limit.hpp"
#include "support/processes.hpp"

namespace {

using namespace concurrent::futures::detail;
using concurrent::futures::SerializationError;
using Contents = SharedBlock::Contents;

FileDescriptor copy_of(const SharedBlock& block) { return FileDescriptor(::fcntl(block.fd(), F_DUPFD_CLOEXEC, 10)); }

TEST_CASE("a block is zeros, and the same memory in all who have its descriptor", "[shared_block]") {
    const SharedBlock block = SharedBlock::make(10'000);
    CHECK(std::all_of(block.data(), block.data() + block.size(), [](std::byte each) { return each == std::byte{0}; }));
    const SharedBlock same = SharedBlock::adopt(copy_of(block), 10'000, Contents::variable);
    same.data()[9'999] = std::byte{7};
    CHECK(block.data()[9'999] == std::byte{7});
}

TEST_CASE("nobody can change the length of a block", "[shared_block]") {
    const SharedBlock block = SharedBlock::make(10'000);
    CHECK(::ftruncate(block.fd(), 0) != 0);
    CHECK(::ftruncate(block.fd(), 20'000) != 0);
}

TEST_CASE("nobody can write to a block that is frozen", "[shared_block]") {
    SharedBlock block = SharedBlock::draft(10'000);
    std::memcpy(block.data(), "frozen", 6);
    block.freeze(6);
    CHECK(block.size() == 6);
    CHECK(std::memcmp(block.data(), "frozen", 6) == 0);
    CHECK(::pwrite(block.fd(), "x", 1, 0) < 0);
    CHECK(::fallocate(block.fd(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 6) != 0);
    CHECK(::mmap(nullptr, 6, PROT_READ | PROT_WRITE, MAP_SHARED, block.fd(), 0) == MAP_FAILED);
    const SharedBlock same = SharedBlock::adopt(copy_of(block), 6, Contents::constant);
    CHECK(std::memcmp(same.data(), "frozen", 6) == 0);
}

TEST_CASE("what is no block is not adopted", "[shared_block]") {
    const auto refused = [](FileDescriptor fd, std::uint64_t size, Contents contents = Contents::variable) {
        CHECK_THROWS_AS(SharedBlock::adopt(std::move(fd), size, contents), SerializationError);
    };
    const SharedBlock block = SharedBlock::make(8192);
    refused(FileDescriptor(), 8192);
    refused(copy_of(block), 8191);
    refused(copy_of(block), 0);
    refused(copy_of(block), 8192, Contents::constant);  // it can be written to
    const SharedBlock draft = SharedBlock::draft(8192);
    refused(copy_of(draft), 8192);  // it could be shortened
    refused(FileDescriptor(::open("/dev/zero", O_RDWR | O_CLOEXEC)), 8192);
    int ends[2];
    REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
    refused(FileDescriptor(ends[0]), 8192);
    const FileDescriptor other(ends[1]);
    // A length without memory behind it.
    FileDescriptor empty(::memfd_create("empty", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    REQUIRE(::ftruncate(empty.get(), off_t{1} << 40) == 0);
    REQUIRE(::fcntl(empty.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0);
    refused(std::move(empty), std::uint64_t{1} << 40);
}

TEST_CASE("a block above the limits is an exception, not a signal", "[shared_block]") {
    const support::FileSizeLimit limit(4096);
    CHECK_THROWS_AS(SharedBlock::make(8192), std::system_error);
    CHECK(SharedBlock::make(4096).size() == 4096);
}

TEST_CASE("a fork has a block that was made, and not a draft", "[shared_block]") {
    const SharedBlock block = SharedBlock::make(4096);
    SharedBlock draft = SharedBlock::draft(4096);
    const pid_t child = ::fork();
    if (child == 0) {
        block.data()[0] = std::byte{5};
        ::_exit(0);
    }
    draft.freeze(4096);  // though the child may be there still
    int status = 0;
    REQUIRE(support::wait_for_end(child, &status) == child);
    CHECK(status == 0);
    CHECK(block.data()[0] == std::byte{5});
}

TEST_CASE("an assignment takes over block and descriptor", "[shared_block]") {
    SharedBlock made = SharedBlock::make(4096);
    std::byte* const place = made.data();
    const int fd = made.fd();
    SharedBlock block;
    block = std::move(made);
    CHECK((block.data() == place && block.size() == 4096 && block.fd() == fd));
    CHECK_FALSE(made);
}

}  // namespace
