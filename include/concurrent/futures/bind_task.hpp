// SPDX-License-Identifier: MIT
//
// bind_task.hpp: a task for later, in another process.
//
//     cf::ProcessPoolExecutor pool({.initializer = cf::bind_task(load_model, std::string("model.bin"))});
//
// Takes the same callables and arguments as ProcessPoolExecutor::submit. The arguments are encoded at once.
// Threads: an immutable value.
#pragma once

#include "concurrent/futures/detail/platform/process_requirements.hpp"

#include <memory>
#include <span>
#include <type_traits>
#include <utility>

#include "concurrent/futures/detail/wire/remote_call.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI {

/// What bind_task() returns. Default-constructed: nothing to call.
class BoundTask {
  public:
    /// Nothing to call.
    BoundTask() = default;
    /// Refused: what was meant is bind_task(f, args...).
    template <class F>
        requires(!std::is_same_v<std::remove_cvref_t<F>, BoundTask>)
    BoundTask(F&&) {
        static_assert(detail::always_false<F>,
                      "initializer and worker_exit of worker processes are written cf::bind_task(f, args...), as a "
                      "function has to cross to the worker together with its arguments");
    }
    /// There is something to call.
    explicit operator bool() const noexcept { return call_ != nullptr; }
    /// The encoded task.
    std::span<const std::byte> bytes() const noexcept {
        return call_ ? call_->bytes() : std::span<const std::byte>();
    }
    /// A copy of these bytes, which keeps the shared memory that they name.
    detail::ByteBuffer copy() const {
        Encoder encoder;
        encoder.write_bytes(bytes().data(), bytes().size());
        if (call_)
            for (const auto& region : call_->regions.all()) encoder.keep(region);
        return std::move(encoder).take();
    }

  private:
    template <class Callable, class... Args>
    friend BoundTask bind_task(const Callable& callable, const Args&... args);

    std::shared_ptr<const detail::ByteBuffer> call_;
};

/// `callable(args...)`, to be run in a worker. Throws SerializationError, or what the codec of an argument throws.
template <class Callable, class... Args>
BoundTask bind_task(const Callable& callable, const Args&... args) {
    detail::check_remote_call<const Callable&, const Args&...>();
    BoundTask task;
    task.call_ = std::make_shared<const detail::ByteBuffer>(detail::encode_call(callable, args...));
    return task;
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI
