// SPDX-License-Identifier: MIT
//
// process.hpp: one function in a process of its own, as Python's multiprocessing.Process; it behaves like std::jthread.
//
//     int main(int argc, char** argv) {
//         cf::process_main(argc, argv);                      // first, as for ProcessPoolExecutor
//         auto [sender, receiver] = cf::make_channel<int>();
//         cf::Process counter(count_to, 1000, std::move(sender));
//         for (int n : receiver) …
//         counter.join();
//         counter.exit_code();                               // 0: it returned
//     }                                                      // ~Process: request_stop(), join()
//
// The same functions and values cross as with ProcessPoolExecutor, and the process starts in the same ways; ends of
// channels cross, too. There is no result: send it through a channel. The process ends when this program ends, also
// when the program is killed. It has no standard input. Ctrl-C and signals to all processes of the program do not end
// it; terminate() does.
// Threads: every member except the assignment and the destructor may be called from any thread.
// How it works: detail/processes/single_process.hpp and single_call.hpp.
#pragma once

#include <signal.h>

#include <concepts>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include "concurrent/futures/channel.hpp"
#include "concurrent/futures/detail/channels/descriptor_parts.hpp"
#include "concurrent/futures/detail/platform/chrono.hpp"
#include "concurrent/futures/detail/platform/deadline.hpp"
#include "concurrent/futures/detail/wire/remote_call.hpp"
#include "concurrent/futures/errors.hpp"
#include "concurrent/futures/options.hpp"
#include "concurrent/futures/process_main.hpp"
#include "concurrent/futures/serialization.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI {

/// For Process.
struct ProcessOptions {
    /// As ProcessPoolOptions::start_method.
    StartMethod start_method = StartMethod::automatic;
    detail::OptionValue<std::string> name{};  ///< shown in messages
    /// How long the destructor waits for the end before it kills the process; empty: 5 s.
    Duration stop_grace{};
    /// As ProcessPoolOptions::max_memory_bytes. 0: no limit.
    std::size_t max_memory_bytes = 0;
};

namespace detail {

class SingleProcess;

/// The callable of a Process. Whatever it returns is dropped, so it need not cross.
template <class Callable>
struct ProcessBody {
    Callable callable;

    template <class... Args>
        requires std::is_invocable_v<Callable&, Args...>
    void operator()(Args&&... args) {
        static_cast<void>(detail::invoke(callable, std::forward<Args>(args)...));
    }
};

template <class Callable>
struct ParametersOf<ProcessBody<Callable>> : ParametersOf<Callable> {};

template <class Callable>
inline constexpr bool crosses_with_descriptors<ProcessBody<Callable>> = true;

template <class Callable>
struct CallableCodec<ProcessBody<Callable>> {
    static consteval void validate() { CallableCodec<Callable>::validate(); }
    static void encode(Encoder& encoder, const ProcessBody<Callable>& body) {
        CallableCodec<Callable>::encode(encoder, body.callable);
    }
    static ProcessBody<Callable> decode(Decoder& decoder) { return {CallableCodec<Callable>::decode(decoder)}; }
};

/// Its ends of channels, if it has any, can be taken from it.
template <class Arg>
inline constexpr bool is_given_away = !has_channel_end<std::remove_cvref_t<Arg>> ||
                                      (!std::is_lvalue_reference_v<Arg> && !std::is_const_v<std::remove_reference_t<Arg>>);

}  // namespace detail

/// A process that runs one call. Moves, and is not copied.
class Process {
  public:
    /// An object without a process.
    Process() noexcept = default;
    /// Starts f(args…) in another process, with a std::stop_token first if f can take one. Encodes everything before it
    /// returns, and keeps no reference to it. Ends of channels must be moved in; they are empty here afterwards. If
    /// this throws, there is no process, and the ends are still here. It throws std::invalid_argument for options that
    /// make no sense, BrokenProcessPool when this program cannot start processes (the text says what to add),
    /// std::system_error, SerializationError and what a codec throws.
    template <class Callable, class... Args>
        requires(!std::same_as<std::remove_cvref_t<Callable>, Process> &&
                 !std::same_as<std::remove_cvref_t<Callable>, ProcessOptions>)
    explicit Process(Callable&& f, Args&&... args)
        : Process(ProcessOptions{}, std::forward<Callable>(f), std::forward<Args>(args)...) {}
    /// The same with options.
    template <class Callable, class... Args>
    explicit Process(const ProcessOptions& options, Callable&& f, Args&&... args)
        : stop_grace_(grace_of(options)), process_(start<std::decay_t<Callable>, Args...>(options, f, args...)) {}

    /// The other object has no process afterwards.
    Process(Process&&) noexcept = default;
    /// First ends the process that was here, as the destructor does.
    Process& operator=(Process&& other) noexcept {
        if (this == &other) return *this;
        end();
        stop_grace_ = other.stop_grace_;
        process_ = std::move(other.process_);
        return *this;
    }
    /// Calls request_stop() and join(); kills the process if it has not ended after ProcessOptions::stop_grace.
    ~Process() { end(); }

    /// Waits for the end of the process. May be called again.
    void join() { join_until(detail::Deadline::never()); }
    /// Gives up after `timeout` with TimeoutError; the process goes on.
    template <class Rep, class Period>
    void join(std::chrono::duration<Rep, Period> timeout) {
        join_until(detail::Deadline::after(timeout, "the timeout of Process::join"));
    }

    /// The process has not ended yet.
    CONCURRENT_FUTURES_DECL bool is_alive() const;
    /// The process id; 0 without a process.
    CONCURRENT_FUTURES_DECL int pid() const noexcept;
    /// 0: f returned; 1: it threw or ended its thread, and the process wrote that to stderr; n: it called exit(n). Empty
    /// while it runs and when a signal ended it.
    CONCURRENT_FUTURES_DECL std::optional<int> exit_code() const;
    /// The signal that ended it, such as SIGSEGV. Empty while it runs and when it exited. signal() and exit_code() are
    /// both empty after its end if other code in this program has reaped it.
    CONCURRENT_FUTURES_DECL std::optional<int> signal() const;
    /// How it ended, in the words of a pool's WorkerDiedError: signal or exit code, after how long, with how much
    /// memory, its last words. Empty while it runs.
    CONCURRENT_FUTURES_DECL std::string obituary() const;

    /// Requests a stop through the std::stop_token of f, if f takes one.
    CONCURRENT_FUTURES_DECL void request_stop() noexcept;
    /// Sends SIGTERM, which ends it unless it has a handler. No effect when it has ended.
    CONCURRENT_FUTURES_DECL void terminate();
    /// Sends SIGKILL.
    CONCURRENT_FUTURES_DECL void kill();

  private:
    CONCURRENT_FUTURES_DECL static std::chrono::nanoseconds grace_of(const ProcessOptions& options);
    template <class Callable, class... Args>
    static std::shared_ptr<detail::SingleProcess> start(const ProcessOptions& options, const Callable& callable,
                                                        const std::remove_reference_t<Args>&... args) {
        static_assert(!std::is_member_pointer_v<Callable>,
                      "a member function cannot cross as a pointer: write Process([](const Class& object) { "
                      "object.member(); }, object)");
        static_assert((detail::is_given_away<Args> && ...),
                      "the end of a channel goes away with the argument that it is in: write "
                      "Process(f, std::move(sender))");
        using Body = detail::ProcessBody<Callable>;
        detail::check_remote_call<const Body&, const std::remove_reference_t<Args>&...>();
        const auto encode = [&](Encoder& encoder) {
            detail::RemoteCallFor<const Body&, const std::remove_reference_t<Args>&...>::encode(encoder, Body{callable},
                                                                                               args...);
        };
        return start_encoded(
            options, &encode,
            [](Encoder& encoder, const void* any) { (*static_cast<decltype(&encode)>(any))(encoder); });
    }
    CONCURRENT_FUTURES_DECL static std::shared_ptr<detail::SingleProcess> start_encoded(
        const ProcessOptions& options, const void* call, void (*encode)(Encoder& encoder, const void* call));

    CONCURRENT_FUTURES_DECL detail::SingleProcess& own() const;
    /// Throws TimeoutError.
    CONCURRENT_FUTURES_DECL void join_until(const detail::Deadline& deadline) const;
    CONCURRENT_FUTURES_DECL void end() noexcept;

    std::chrono::nanoseconds stop_grace_{};
    std::shared_ptr<detail::SingleProcess> process_;  // one owner
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI

#if CONCURRENT_FUTURES_HEADER_ONLY
#include "concurrent/futures/impl/process.hpp"
#endif
