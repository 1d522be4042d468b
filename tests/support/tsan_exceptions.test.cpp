// SPDX-License-Identifier: MIT
//
// Without tsan_exceptions.cpp, ThreadSanitizer reports races in these cases, in which nothing of the library runs.
#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <cstring>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

namespace {

// A text on the heap, so that the destruction of the exception is a write to what its readers have read.
struct Failure : std::exception {
    Failure(std::string description, std::atomic<int>& count) : text(std::move(description)), destroyed(&count) {}
    Failure(const Failure&) = default;
    Failure& operator=(const Failure&) = default;
    ~Failure() override { destroyed->fetch_add(1); }
    const char* what() const noexcept override { return text.c_str(); }
    std::string text;
    std::atomic<int>* destroyed;
};

std::exception_ptr failure(std::atomic<int>& destroyed) {
    std::exception_ptr pointer = std::make_exception_ptr(Failure("so long that it is on the heap of every library", destroyed));
    destroyed = 0;  // not the one that was copied
    return pointer;
}

bool can_be_read(const std::exception_ptr& pointer) {
    try {
        std::rethrow_exception(pointer);
    } catch (const Failure& caught) {
        return caught.what()[0] == 's';
    }
}

}  // namespace

TEST_CASE("an exception that two threads own is destroyed once, by whichever gives it up last") {
    for (int i = 0; i < 200; ++i) {
        std::atomic<int> destroyed{0};
        std::atomic<bool> read{false};
        std::exception_ptr own = failure(destroyed);
        std::thread other([pointer = own, &read]() mutable {
            read.store(can_be_read(pointer), std::memory_order_relaxed);  // relaxed: orders nothing, as in the library of the system
            pointer = nullptr;
        });
        while (!read.load(std::memory_order_relaxed)) std::this_thread::yield();  // relaxed: as above
        own = nullptr;
        other.join();
        REQUIRE(destroyed == 1);
    }
}

TEST_CASE("an exception lives until the end of the last catch block that holds it") {
    for (int i = 0; i < 200; ++i) {
        std::atomic<int> destroyed{0};
        std::atomic<bool> caught_there{false};
        std::exception_ptr own = failure(destroyed);
        std::thread other([pointer = own, &caught_there]() mutable {
            try {
                std::rethrow_exception(std::exchange(pointer, nullptr));
            } catch (const Failure& caught) {
                caught_there.store(caught.what()[0] == 's', std::memory_order_relaxed);  // relaxed: orders nothing
            }
        });
        while (!caught_there.load(std::memory_order_relaxed)) std::this_thread::yield();  // relaxed: as above
        own = nullptr;
        other.join();
        REQUIRE(destroyed == 1);
    }
}

// Copies of the exceptions of <stdexcept> share one text, whose owners libstdc++ counts as well.
template <class Error>
void destroy_copy_and_original() {
    for (int i = 0; i < 200; ++i) {
        auto own = std::make_unique<Error>("so long that it is on the heap of every library");
        std::atomic<bool> is_destroyed{false};
        std::thread other([copy = std::make_unique<Error>(*own), &is_destroyed]() mutable {
            const bool right = std::strlen(copy->what()) > 20;
            copy = nullptr;
            is_destroyed.store(right, std::memory_order_relaxed);  // relaxed: orders nothing
        });
        while (!is_destroyed.load(std::memory_order_relaxed)) std::this_thread::yield();  // relaxed: as above
        own = nullptr;
        other.join();
    }
}

TEST_CASE("a text that copies of an exception share is destroyed by the last of them") {
    destroy_copy_and_original<std::runtime_error>();
    destroy_copy_and_original<std::logic_error>();
    destroy_copy_and_original<std::out_of_range>();
    struct Own : std::runtime_error {
        using std::runtime_error::runtime_error;
    };
    destroy_copy_and_original<Own>();
}

TEST_CASE("an exception that is thrown on from its catch block is caught again, and destroyed once") {
    std::atomic<int> destroyed{0};
    try {
        try {
            std::rethrow_exception(failure(destroyed));
        } catch (const Failure&) {
            CHECK(std::current_exception() != nullptr);
            throw;
        }
    } catch (const Failure& caught) {
        CHECK(caught.text.size() > 20);
        CHECK(destroyed == 0);
    }
    CHECK(destroyed == 1);
    CHECK(std::current_exception() == nullptr);
}
