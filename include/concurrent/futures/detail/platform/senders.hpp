// SPDX-License-Identifier: MIT
//
// senders.hpp: which library of senders and receivers (P2300, C++26's std::execution) it is.
//
//     CONCURRENT_FUTURES_STDEXEC            stdexec
//     CONCURRENT_FUTURES_BEMAN_EXECUTION    beman.execution
//     neither                               std::execution where the standard library has it, else the words below
//
// `senders_library` names the chosen one. The words below are the part of C++26 that execution.hpp itself needs: with
// them a program without a library can write its own receivers.
// Each has an inline namespace of its own, CONCURRENT_FUTURES_SENDERS_NAMESPACE, so that source files with different
// ones can be linked together.
#pragma once

#include <utility>
#include <version>

#include "concurrent/futures/detail/platform/config.hpp"

#if defined(CONCURRENT_FUTURES_STDEXEC)

#define CONCURRENT_FUTURES_SENDERS_NAMESPACE over_stdexec
#include <stdexec/execution.hpp>

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI {
inline namespace CONCURRENT_FUTURES_SENDERS_NAMESPACE {
namespace senders_library = ::stdexec;
}
}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI

#elif defined(CONCURRENT_FUTURES_BEMAN_EXECUTION)

#define CONCURRENT_FUTURES_SENDERS_NAMESPACE over_beman_execution
#include <beman/execution/execution.hpp>

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI {
inline namespace CONCURRENT_FUTURES_SENDERS_NAMESPACE {
namespace senders_library = ::beman::execution;
}
}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI

#elif defined(__cpp_lib_senders)

#define CONCURRENT_FUTURES_SENDERS_NAMESPACE over_std_execution
#include <execution>
#include <stop_token>

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI {
inline namespace CONCURRENT_FUTURES_SENDERS_NAMESPACE {
namespace senders_library {
using ::std::get_stop_token;
using ::std::get_stop_token_t;
using ::std::execution::bulk_chunked_t;
using ::std::execution::bulk_unchunked_t;
using ::std::execution::completion_signatures;
using ::std::execution::completion_signatures_of_t;
using ::std::execution::connect;
using ::std::execution::env;
using ::std::execution::forward_progress_guarantee;
using ::std::execution::get_completion_domain_t;
using ::std::execution::get_completion_scheduler;
using ::std::execution::get_completion_scheduler_t;
using ::std::execution::get_env;
using ::std::execution::get_forward_progress_guarantee_t;
using ::std::execution::operation_state_tag;
using ::std::execution::par;
using ::std::execution::par_unseq;
using ::std::execution::receiver_tag;
using ::std::execution::schedule;
using ::std::execution::scheduler_tag;
using ::std::execution::sender_tag;
using ::std::execution::set_error;
using ::std::execution::set_error_t;
using ::std::execution::set_stopped;
using ::std::execution::set_stopped_t;
using ::std::execution::set_value;
using ::std::execution::set_value_t;
using ::std::execution::start;
using ::std::execution::tag_of_t;
}  // namespace senders_library
}  // namespace CONCURRENT_FUTURES_SENDERS_NAMESPACE
}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI

#else

#define CONCURRENT_FUTURES_SENDERS_NAMESPACE without_senders_library

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI {
inline namespace CONCURRENT_FUTURES_SENDERS_NAMESPACE {
namespace senders_library {

struct sender_tag {};
struct receiver_tag {};
struct operation_state_tag {};
struct scheduler_tag {};

struct set_value_t {
    template <class Receiver, class... Values>
    void operator()(Receiver&& receiver, Values&&... values) const noexcept {
        std::forward<Receiver>(receiver).set_value(std::forward<Values>(values)...);
    }
};
struct set_error_t {
    template <class Receiver, class Error>
    void operator()(Receiver&& receiver, Error&& error) const noexcept {
        std::forward<Receiver>(receiver).set_error(std::forward<Error>(error));
    }
};
struct set_stopped_t {
    template <class Receiver>
    void operator()(Receiver&& receiver) const noexcept {
        std::forward<Receiver>(receiver).set_stopped();
    }
};
inline constexpr set_value_t set_value;
inline constexpr set_error_t set_error;
inline constexpr set_stopped_t set_stopped;

/// The ways in which a sender may end, as function types: set_value_t(int), set_stopped_t(), …
template <class...>
struct completion_signatures {};

template <class Sender, class Receiver>
auto connect(Sender&& sender, Receiver&& receiver) {
    return std::forward<Sender>(sender).connect(std::forward<Receiver>(receiver));
}
template <class Operation>
void start(Operation& operation) noexcept {
    operation.start();
}
template <class Scheduler>
auto schedule(Scheduler&& scheduler) {
    return std::forward<Scheduler>(scheduler).schedule();
}

template <class...>
struct env {};
template <class Object>
decltype(auto) get_env(const Object& object) noexcept {
    if constexpr (requires { object.get_env(); })
        return object.get_env();
    else
        return env<>();
}

/// What receivers without a stop token have.
class never_stop_token {
  public:
    template <class Callback>
    struct callback_type {
        explicit callback_type(never_stop_token, Callback) noexcept {}
    };
    static constexpr bool stop_requested() noexcept { return false; }
    static constexpr bool stop_possible() noexcept { return false; }
    friend bool operator==(never_stop_token, never_stop_token) noexcept = default;
};
struct get_stop_token_t {
    template <class Env>
    auto operator()(const Env& env) const noexcept {
        if constexpr (requires { env.query(*this); })
            return env.query(*this);
        else
            return never_stop_token();
    }
};
inline constexpr get_stop_token_t get_stop_token;

template <class Completion>
struct get_completion_scheduler_t {
    template <class Attributes, class Env>
    auto operator()(const Attributes& attributes, const Env&) const noexcept {
        return attributes.query(*this);
    }
};
template <class Completion>
inline constexpr get_completion_scheduler_t<Completion> get_completion_scheduler;
enum class forward_progress_guarantee { concurrent, parallel, weakly_parallel };
struct get_forward_progress_guarantee_t {};

// Named by the code for bulk, which only a library calls.
template <class Completion>
struct get_completion_domain_t {};
template <class Sender>
using tag_of_t = void;
struct bulk_chunked_t {};
struct bulk_unchunked_t {};
inline constexpr struct ParallelPolicy {
} par, par_unseq;
template <class Sender, class... Env>
using completion_signatures_of_t = decltype(Sender::template get_completion_signatures<Sender, Env...>());

}  // namespace senders_library
}  // namespace CONCURRENT_FUTURES_SENDERS_NAMESPACE
}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI

#endif
