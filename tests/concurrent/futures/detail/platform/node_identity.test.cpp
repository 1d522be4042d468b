// SPDX-License-Identifier: MIT
#include <concurrent/futures/detail/platform/node_identity.hpp>
#include <concurrent/futures/detail/platform/unnamed_file.hpp>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>

namespace {

using namespace concurrent::futures::detail;

TEST_CASE("a process knows its node, and always the same one", "[node_identity]") {
#if CONCURRENT_FUTURES_LINUX
    CHECK(node_identity() != 0);
#endif
    CHECK(node_identity() == node_identity());
}

TEST_CASE("a file of a process is opened by its number, and none where none is open", "[node_identity]") {
#if CONCURRENT_FUTURES_LINUX
    const FileDescriptor file = make_unnamed_file();
    REQUIRE(::ftruncate(file.get(), 4711) == 0);
    const FileDescriptor same = open_of_process(::getpid(), file.get(), O_RDWR);
    REQUIRE(same);
    CHECK(::lseek(same.get(), 0, SEEK_END) == 4711);
#endif
    CHECK(!open_of_process(::getpid(), 1'000'000, O_RDWR));
}

}  // namespace
