// SPDX-License-Identifier: MIT
#include <concurrent/futures/detail/platform/shared_page.hpp>
#include <sys/wait.h>

#include <catch2/catch_test_macros.hpp>
#include <cstring>
#include <string>
#include <utility>

#include "support/processes.hpp"

namespace {

using namespace concurrent::futures::detail;

TEST_CASE("a new page is all zeros", "[shared_page]") {
    const SharedPage page(4096);
    REQUIRE(page.memory());
    CHECK(std::string(static_cast<const char*>(page.memory()), 4096) == std::string(4096, '\0'));
}

TEST_CASE("two mappings of a page are the same memory", "[shared_page]") {
    SharedPage page(100);
    const SharedPage same(FileDescriptor(::dup(page.fd())), 100);
    REQUIRE(same.memory() != page.memory());
    std::strcpy(static_cast<char*>(page.memory()), "hello");
    CHECK(std::string(static_cast<const char*>(same.memory())) == "hello");
    page.close_fd();
    CHECK(page.fd() == -1);
    CHECK(std::string(static_cast<const char*>(page.memory())) == "hello");
}

TEST_CASE("a forked process writes into the same page", "[shared_page]") {
    SharedPage page(100);
    const pid_t child = ::fork();
    if (child == 0) {
        std::strcpy(static_cast<char*>(page.memory()), "from the child");
        ::_exit(0);
    }
    REQUIRE(support::wait_for_end(child, nullptr) == child);
    CHECK(std::string(static_cast<const char*>(page.memory())) == "from the child");
}

TEST_CASE("a page moves without its memory moving", "[shared_page]") {
    SharedPage page(100);
    void* const memory = page.memory();
    const SharedPage moved = std::move(page);
    CHECK(moved.memory() == memory);
    CHECK(page.memory() == nullptr);
}

TEST_CASE("what is no memory to share cannot be mapped", "[shared_page]") {
    CHECK_THROWS_AS(SharedPage(FileDescriptor(), 100), std::system_error);
}

}  // namespace
