// SPDX-License-Identifier: MIT
//
// checker.hpp: runs small programs on the real library in many orders of events, one thread at a time.
//
//     MODEL("a result is seen by who waits for it") {
//         cf::Promise<int> promise;
//         std::thread other([&] { promise.set_value(1); });
//         model::expect(promise.get_future().result() == 1, "the result");
//         other.join();
//     }
//
// Threads of the program are real threads, but only one has the processor. At each visible operation (an atomic, a
// mutex, a condition variable, a futex, a yield, poll() and what it waits for, the start or the end of a thread) the
// checker chooses who goes on. It takes the place of pthread_mutex_lock(), syscall() and so on in the program, so the
// library needs no change but its atomics. Each run is a forked child: what one leaves behind meets no other.
//
// Memory: an atomic keeps all values that were stored. A load may give any of them that is not older than what its
// thread knows of: by its own operations, by an acquire that read from a release, by a mutex, or by seq_cst. This is the
// model of C++20 without two things: stores take effect in the order in which they run, and compare_exchange_weak() does
// not fail for no reason. What is no atomic is not watched, unless it is a Watched. Memory that is freed is not used again,
// and an atomic or a mutex in it is wrong to use. So blocks come from operator new, not from the library's own allocator.
//
// Time is virtual. A wait with a limit ends for that only when no thread can go on.
//
// Orders are explored exhaustively up to a number of preemptions and of old values, and at random beyond.
#pragma once

#include <utility>

namespace model {

struct Scenario {
    Scenario(const char* its_name, void (*its_body)());
    const char* name;
    void (*body)();
    Scenario* next;
};
#define MODEL_JOIN(a, b) a##b
#define MODEL_NAME(a, b) MODEL_JOIN(a, b)
#define MODEL(name)                                                                                      \
    static void MODEL_NAME(model_body_, __LINE__)();                                                     \
    static const model::Scenario MODEL_NAME(model_scenario_, __LINE__)(name, &MODEL_NAME(model_body_, __LINE__)); \
    static void MODEL_NAME(model_body_, __LINE__)()

/// In this scenario a std::shared_ptr keeps objects of several threads. Its counts are no atomics of the model, so two things
/// are not looked at: that nobody uses such an object any more when it is freed, and that a thread which uses an atomic knows of
/// its construction. The destructor of such an object may know of it by those counts only.
void uses_shared_pointers() noexcept;
/// Asked before the system about each system call of a thread of the program that has no function of its own. True: `result` is the
/// answer. Null: nobody is asked.
extern bool (*answers_instead)(long call, const long* arguments, long& result) noexcept;
/// Ends the run as wrong if it is false.
void expect(bool right, const char* what) noexcept;

/// A plain value. To read a change that the thread need not know of, or to change or destroy a value that another thread
/// may still read, is wrong: a data race.
class Watch {
  public:
    Watch() noexcept { begin(); }
    Watch(const Watch& other) noexcept {
        other.read();
        begin();
    }
    Watch(Watch&& other) noexcept {
        other.change();
        begin();
    }
    Watch& operator=(const Watch& other) noexcept {
        other.read();
        change();
        return *this;
    }
    ~Watch() { end(); }
    void read() const noexcept;
    void change() noexcept;

  private:
    void begin() noexcept;
    void end() noexcept;
};
template <class T>
class Watched : private Watch {
  public:
    Watched() = default;
    Watched(T value) : value_(std::move(value)) {}
    T get() const {
        read();
        return value_;
    }
    void set(T value) {
        change();
        value_ = std::move(value);
    }

  private:
    T value_{};
};

}  // namespace model
