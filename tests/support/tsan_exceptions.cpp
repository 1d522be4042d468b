// SPDX-License-Identifier: MIT
//
// Shows ThreadSanitizer who owns an exception. libstdc++ counts the owners in its library, which is not instrumented:
// ThreadSanitizer does not see that the destruction by the last owner comes after everybody's last use, and reports a
// race, also in a program without this library (tests/support/tsan_exceptions.test.cpp). Here both functions that give up
// an owner, of a std::exception_ptr and at the end of a catch block, count down in instrumented code, and so do the
// destructors of std::runtime_error and std::logic_error, whose copies share a text. Only the last owner calls libstdc++'s
// own function, which destroys the exception or the text.
#include <concurrent/futures/detail/platform/config.hpp>

#if CONCURRENT_FUTURES_TSAN && defined(__GLIBCXX__) && defined(__linux__) && defined(__x86_64__)
#include <dlfcn.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <stdexcept>

namespace {

// Where the count is. The layout is part of the ABI of libstdc++ (struct __cxa_refcounted_exception).
int* count_of(void* exception) { return reinterpret_cast<int*>(static_cast<char*>(exception) - 128); }

void* object_of(const std::exception_ptr& pointer) {
    void* object = nullptr;
    static_assert(sizeof pointer == sizeof object);
    std::memcpy(&object, &pointer, sizeof object);
    return object;
}

template <class Function>
Function* function_of_libstdcxx(const char* name) {
    void* const address = ::dlsym(RTLD_NEXT, name);
    if (address == nullptr) {
        std::fprintf(stderr, "tsan_exceptions.cpp: libstdc++ has no %s; link it as a shared library\n", name);
        std::abort();
    }
    return reinterpret_cast<Function*>(address);
}

[[maybe_unused]] const bool layout_is_right = [] {
    const std::exception_ptr one = std::make_exception_ptr(1);
    const int first = *count_of(object_of(one));
    const std::exception_ptr two = one;
    if (first != 1 || *count_of(object_of(one)) != 2) {
        std::fputs("tsan_exceptions.cpp: this libstdc++ counts the owners of an exception elsewhere\n", stderr);
        std::abort();
    }
    return true;
}();

// How many others share the text of a std::runtime_error or std::logic_error: behind its virtual table there is a pointer to the
// text, and before that the count.
int* others_of(const void* error) {
    char* text = nullptr;
    std::memcpy(&text, static_cast<const char*>(error) + sizeof(void*), sizeof text);
    return reinterpret_cast<int*>(text - 8);
}

[[maybe_unused]] const bool text_is_there = [] {
    const std::runtime_error one("a text");
    const int first = *others_of(&one);
    const std::runtime_error two(one);
    if (first != 0 || *others_of(&one) != 1) {
        std::fputs("tsan_exceptions.cpp: this libstdc++ counts the owners of an exception's text elsewhere\n", stderr);
        std::abort();
    }
    return true;
}();

// False: this is the only owner, and has the text still.
bool let_go_of_shared_text(void* error) {
    int* const count = others_of(error);
    int others = __atomic_load_n(count, __ATOMIC_ACQUIRE);  // as in _M_release() below
    while (others > 0)
        if (__atomic_compare_exchange_n(count, &others, others - 1, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) return true;
    return false;
}

}  // namespace

void std::__exception_ptr::exception_ptr::_M_release() noexcept {
    int* const count = count_of(_M_exception_object);
    int owners = __atomic_load_n(count, __ATOMIC_ACQUIRE);  // with the release of other owners below
    while (owners > 1) {
        // Release: what this owner read; with the acquire of the last one.
        if (__atomic_compare_exchange_n(count, &owners, owners - 1, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
            _M_exception_object = nullptr;
            return;
        }
    }
    static const auto release = function_of_libstdcxx<void(exception_ptr*)>("_ZNSt15__exception_ptr13exception_ptr10_M_releaseEv");
    release(this);
}

extern "C" {
// The destructors of the bases in <stdexcept>, whose copies share one counted text.
void _ZNSt13runtime_errorD1Ev(void* error);
void _ZNSt13runtime_errorD2Ev(void* error);
void _ZNSt11logic_errorD1Ev(void* error);
void _ZNSt11logic_errorD2Ev(void* error);
void _ZNSt13runtime_errorD1Ev(void* error) { _ZNSt13runtime_errorD2Ev(error); }
void _ZNSt13runtime_errorD2Ev(void* error) {
    static const auto destroy = function_of_libstdcxx<void(void*)>("_ZNSt13runtime_errorD2Ev");
    if (!let_go_of_shared_text(error)) destroy(error);
}
void _ZNSt11logic_errorD1Ev(void* error) { _ZNSt11logic_errorD2Ev(error); }
void _ZNSt11logic_errorD2Ev(void* error) {
    static const auto destroy = function_of_libstdcxx<void(void*)>("_ZNSt11logic_errorD2Ev");
    if (!let_go_of_shared_text(error)) destroy(error);
}
}

extern "C" void __cxa_end_catch() {
    static const auto end_catch = function_of_libstdcxx<void()>("__cxa_end_catch");
    const std::exception_ptr also_an_owner = std::current_exception();  // so that the last one is given up above
    end_catch();
}
#endif
