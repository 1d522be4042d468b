// SPDX-License-Identifier: MIT
//
// last_words.hpp: a dying process writes the reason to shared memory, where its parent reads it afterwards.
//
//     LastWords& words = …;                // in shared memory
//     record_last_words(words);            // in the child, once
//     words.text()                         // in the parent, when the child is gone
//
//     std::terminate     "uncaught std::runtime_error: no such shard"
//     abort              what the C library said: a failed assert(), "free(): invalid pointer", …
//     SIGSEGV and such   "at address 0x0, which is not mapped", "the stack was full: endless recursion?"
//     AddressSanitizer   the line that sums it up
//
// Why not the last lines of stderr: for that, stderr would have to be a pipe to the parent. Then stderr is not a
// terminal any more; a child blocks when the parent does not read; programs that a child started and that outlive the
// parent get SIGPIPE; and the parent's thread would wait for the program's stderr. So stderr stays as it is, and this
// costs nothing until the end.
//
// The process dies as it would without this: same signal, same core dump, same text on stderr. Handlers are set only
// where the program has none, and the program may set its own later. Words of a child that this process forked do not
// count. Threads: call record_last_words() while the process has one thread; the thread that dies first writes.
#pragma once

#include <signal.h>
#include <sys/types.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <new>
#include <string>
#include <string_view>

#include "concurrent/futures/detail/platform/atomic.hpp"
#include "concurrent/futures/detail/platform/config.hpp"
#include "concurrent/futures/detail/platform/demangle.hpp"

// From 2.34 on dlsym() needs no further library.
#if defined(__GLIBC__) && (__GLIBC__ > 2 || (__GLIBC__ == 2 && __GLIBC_MINOR__ >= 34))
#define CONCURRENT_FUTURES_HAS_ABORT_MESSAGE 1
#include <dlfcn.h>
#else
#define CONCURRENT_FUTURES_HAS_ABORT_MESSAGE 0
#endif

#if CONCURRENT_FUTURES_LINUX && (defined(__x86_64__) || defined(__aarch64__))
#include <ucontext.h>
#endif

#if CONCURRENT_FUTURES_SANITIZED
extern "C" __attribute__((weak)) void __asan_set_error_report_callback(void (*callback)(const char*));
#endif

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

/// Zero bytes are an empty one.
class LastWords {
  public:
    static constexpr std::size_t room = 400;

    /// Only the first call writes: later ones come from handlers of what the first failure caused. Safe in a signal
    /// handler.
    void write(std::string_view words) noexcept {
        std::uint32_t nobody = 0;
        // relaxed: decides which thread writes, orders nothing.
        if (words.empty() || !writer_.compare_exchange_strong(nobody, 1, std::memory_order_relaxed)) return;
        const std::size_t size = (std::min)(words.size(), room);
        std::memcpy(text_.data(), words.data(), size);
        // (1) release, pairs with (2): the text is there.
        size_.store(static_cast<std::uint32_t>(size), std::memory_order_release);
    }
    /// One line of printable characters, even if the process has written anything else here.
    std::string text() const {
        // (2) acquire, pairs with (1).
        const std::size_t size = std::min<std::size_t>(size_.load(std::memory_order_acquire), room);
        std::string words(text_.data(), size);
        for (char& c : words)
            if (static_cast<unsigned char>(c) < ' ' || c == 0x7f) c = ' ';
        words.erase(words.find_last_not_of(' ') + 1);
        return words;
    }

  private:
    Atomic<std::uint32_t> writer_{0};
    Atomic<std::uint32_t> size_{0};
    std::array<char, room> text_{};
};

/// What the handlers need, in one place.
struct DyingProcess {
    LastWords* words = nullptr;
    pid_t pid = 0;
    std::terminate_handler next = nullptr;
    /// The C library's text for abort(), as debuggers read it: `struct { unsigned size; char text[]; }*`.
    const void* const* abort_message = nullptr;
    std::array<std::byte, 32 * 1024> signal_stack{};  // for when the stack is full

    void say(std::string_view text) noexcept {
        if (words && ::getpid() == pid) words->write(text);
    }
};
alignas(16) inline constinit DyingProcess dying_process{};

/// Text in a signal handler, where there is no allocation.
class FixedText {
  public:
    FixedText& operator<<(std::string_view text) noexcept {
        const std::size_t size = (std::min)(text.size(), text_.size() - size_);
        std::memcpy(text_.data() + size_, text.data(), size);
        size_ += size;
        return *this;
    }
    FixedText& hexadecimal(std::uintptr_t number) noexcept {
        int shift = 0;
        while (shift + 4 < static_cast<int>(8 * sizeof number) && number >> (shift + 4) != 0) shift += 4;
        for (*this << "0x"; shift >= 0; shift -= 4)
            *this << std::string_view("0123456789abcdef").substr(number >> shift & 15, 1);
        return *this;
    }
    std::string_view view() const noexcept { return {text_.data(), size_}; }

  private:
    std::array<char, 160> text_{};
    std::size_t size_ = 0;
};

/// 0 where it is not known.
inline std::uintptr_t stack_pointer_of([[maybe_unused]] const void* context) noexcept {
#if CONCURRENT_FUTURES_LINUX && defined(__x86_64__)
    return static_cast<std::uintptr_t>(static_cast<const ucontext_t*>(context)->uc_mcontext.gregs[REG_RSP]);
#elif CONCURRENT_FUTURES_LINUX && defined(__aarch64__)
    return static_cast<std::uintptr_t>(static_cast<const ucontext_t*>(context)->uc_mcontext.sp);
#else
    return 0;
#endif
}

inline void say_fault(int signal, const siginfo_t& info, std::uintptr_t stack_pointer) noexcept {
    const auto address = reinterpret_cast<std::uintptr_t>(info.si_addr);
    constexpr std::uintptr_t margin = 64 * 1024;
    FixedText text;
    if (signal == SIGSEGV && stack_pointer != 0 && address + margin > stack_pointer &&
        address < stack_pointer + margin)
        text << "the stack was full: endless recursion?";
    else if (signal == SIGSEGV && info.si_code == SEGV_MAPERR)
        (text << "at address ").hexadecimal(address) << ", which is not mapped";
    else if (signal == SIGSEGV && info.si_code == SEGV_ACCERR)
        (text << "at address ").hexadecimal(address) << ", where that is not allowed";
    else
        (text << "at address ").hexadecimal(address);
    dying_process.say(text.view());
}

/// The process then dies of the same signal: the instruction runs into it again, or it is raised again.
inline void on_fatal_signal(int signal, siginfo_t* info, void* context) noexcept {
    const bool from_outside = info->si_code <= 0;  // kill, raise, abort
    if (signal == SIGABRT && dying_process.abort_message && *dying_process.abort_message) {
        const auto* const message = static_cast<const char*>(*dying_process.abort_message) + sizeof(unsigned);
        dying_process.say({message, ::strnlen(message, LastWords::room)});
    } else if (!from_outside) {
        say_fault(signal, *info, stack_pointer_of(context));
    }
    struct sigaction usual{};
    usual.sa_handler = SIG_DFL;
    ::sigaction(signal, &usual, nullptr);
    if (from_outside) ::raise(signal);
}

inline void say_uncaught() {
    if (!std::current_exception())
        return dying_process.say("std::terminate() was called without an exception, or a function that is "
                                 "noexcept ended its thread, with pthread_exit() or because it was cancelled");
    try {
        throw;
    } catch (const std::bad_alloc& error) {  // then nothing here may allocate
        return dying_process.say((FixedText() << "uncaught " << error.what()).view());
    } catch (const std::exception& error) {
        dying_process.say("uncaught " + current_exception_type_name() + ": " + error.what());
    } catch (...) {
        dying_process.say("uncaught " + current_exception_type_name());
    }
}

[[noreturn]] inline void on_terminate() noexcept {
    static constinit Atomic<bool> entered{false};
    // relaxed: only whether. What follows may end here once more, such as for want of memory.
    if (!entered.exchange(true, std::memory_order_relaxed))
        say_uncaught();
    else
        dying_process.say("std::terminate() was called again, by what() of an uncaught exception or for want of memory");
    if (dying_process.next) dying_process.next();
    std::abort();
}

/// Takes a while. May be called before record_last_words(), which else does it.
inline void find_abort_message() noexcept {
#if CONCURRENT_FUTURES_HAS_ABORT_MESSAGE
    dying_process.abort_message = static_cast<const void* const*>(::dlsym(RTLD_DEFAULT, "__abort_msg"));
#endif
}

inline void record_last_words(LastWords& words) noexcept {
    dying_process.words = &words;
    dying_process.pid = ::getpid();
    if (std::get_terminate() != on_terminate) dying_process.next = std::set_terminate(on_terminate);
    if (!dying_process.abort_message) find_abort_message();
#if CONCURRENT_FUTURES_SANITIZED
    if (__asan_set_error_report_callback)
        __asan_set_error_report_callback([](const char* report) {
            const char* const summary = std::strstr(report, "SUMMARY: ");
            if (summary) dying_process.say(std::string_view(summary, std::strcspn(summary, "\n")));
        });
#endif
    stack_t stack{};
    if (::sigaltstack(nullptr, &stack) == 0 && (stack.ss_flags & SS_DISABLE) != 0) {
        stack = {};
        stack.ss_sp = dying_process.signal_stack.data();
        stack.ss_size = dying_process.signal_stack.size();
        ::sigaltstack(&stack, nullptr);
    }
    struct sigaction ours{};
    ours.sa_sigaction = on_fatal_signal;
    ours.sa_flags = SA_SIGINFO | SA_ONSTACK;
    ::sigemptyset(&ours.sa_mask);
    for (const int signal : {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL}) {
        struct sigaction before{};
        if (::sigaction(signal, nullptr, &before) == 0 && (before.sa_flags & SA_SIGINFO) == 0 &&
            before.sa_handler == SIG_DFL)
            ::sigaction(signal, &ours, nullptr);
    }
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
