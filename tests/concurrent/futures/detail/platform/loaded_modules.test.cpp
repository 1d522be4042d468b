// SPDX-License-Identifier: MIT
#include <concurrent/futures/detail/platform/loaded_modules.hpp>
#include <stdlib.h>
#include <sys/mman.h>

#include <array>
#include <catch2/catch_test_macros.hpp>
#include <memory>

namespace {

using namespace concurrent::futures::detail;

int function() { return 1; }
int data = 2;
const int constant = 3;

template <class T>
std::uintptr_t address_of(T* pointer) {
    return reinterpret_cast<std::uintptr_t>(pointer);
}

TEST_CASE("a function and data of the program are found again where they are", "[loaded_modules]") {
    const CodeLocation code = locate(address_of(&function), true);
    CHECK(code.module == program_identity());
    CHECK(resolve(code, true) == address_of(&function));
    for (const std::uintptr_t address : {address_of(&data), address_of(&constant)}) {
        const CodeLocation where = locate(address, false);
        CHECK(where.module == program_identity());
        CHECK(resolve(where, false) == address);
    }
    CHECK(function() == 1);
}

TEST_CASE("a function of a library is found in its library", "[loaded_modules]") {
    const CodeLocation where = locate(address_of(&::labs), true);
    REQUIRE(where.module != 0);
    CHECK(resolve(where, true) == address_of(&::labs));
}

TEST_CASE("data is no code", "[loaded_modules]") {
    CHECK(locate(address_of(&data), true).module == 0);
    CHECK(resolve(locate(address_of(&data), false), true) == 0);
}

TEST_CASE("the stack, the heap, null and code made at run time are nowhere", "[loaded_modules]") {
    int on_stack = 0;
    const auto on_heap = std::make_unique<int>(0);
    void* const page =
        ::mmap(nullptr, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    REQUIRE(page != MAP_FAILED);
    for (const std::uintptr_t address :
         {address_of(&on_stack), address_of(on_heap.get()), address_of(static_cast<char*>(page)),
          std::uintptr_t{0}, UINTPTR_MAX}) {
        CHECK(locate(address, false).module == 0);
        CHECK(locate(address, true).module == 0);
    }
    ::munmap(page, 4096);
}

#if CONCURRENT_FUTURES_LINUX
TEST_CASE("a build id of any length is read, also where the linker has not padded the last note",
          "[loaded_modules]") {
    struct Note {
        ElfW(Nhdr) header{4, 10, NT_GNU_BUILD_ID};
        std::array<char, 4> name{'G', 'N', 'U', 0};
        std::array<unsigned char, 12> body{};
    } one;
    one.body[9] = 1;
    Note another = one;
    another.body[9] = 2;
    const std::size_t unpadded = sizeof one - 2;
    for (const std::size_t size : {unpadded, sizeof one}) {
        CHECK(build_id_hash(address_of(&one), size) != 0);
        CHECK(build_id_hash(address_of(&one), size) != build_id_hash(address_of(&another), size));
    }
    CHECK(build_id_hash(address_of(&one), unpadded - 1) == 0);
}
#endif

TEST_CASE("an unknown module and an offset outside of a module lead nowhere", "[loaded_modules]") {
    const CodeLocation code = locate(address_of(&function), true);
    CHECK(resolve({code.module ^ 1, code.offset}, true) == 0);
    CHECK(resolve({0, 0}, false) == 0);
    CHECK(resolve({code.module, std::uint64_t{1} << 40}, false) == 0);
    CHECK(resolve({code.module, UINT64_MAX}, false) == 0);
}

TEST_CASE("every module has an identity of its own", "[loaded_modules]") {
    const auto modules = read_loaded_modules();
    REQUIRE(modules.size() >= 2);
    for (const LoadedModule& one : modules) {
        CHECK(one.identity != 0);
        for (const LoadedModule& other : modules)
            CHECK((&one == &other || one.identity != other.identity));
    }
}

}  // namespace
