// SPDX-License-Identifier: MIT
//
// recorded_task.hpp: a task for tests of the parts of an engine. It records how it ended.
#pragma once

#include <concurrent/futures/detail/wire/remote_task.hpp>
#include <exception>
#include <functional>
#include <string>
#include <utility>

namespace recorded {

/// `Base`: RemoteTask, or what an engine makes of it.
template <class Base>
class TaskOf final : public Base {
  public:
    using Decoder = concurrent::futures::Decoder;

    explicit TaskOf(concurrent::futures::detail::ByteBuffer call = {}) : Base(std::move(call)) {}

    void succeed(Decoder& decoder) noexcept override {
        if (at_result) at_result();
        value = decoder.template decode<int>();
        end = "result";
    }
    bool try_succeed_untold(Decoder& decoder) noexcept override {
        if (at_result) at_result();
        value = decoder.template decode<int>();
        end = "stored";
        return !has_callback;
    }
    void finish_stored() noexcept override { end = "callbacks have run"; }
    void fail(std::exception_ptr failure) noexcept override {
        end = "exception";
        try {
            std::rethrow_exception(std::move(failure));
        } catch (const std::exception& caught) {
            error = caught.what();
        }
    }
    void end_cancelled() noexcept override { end = "cancelled"; }
    void retain() noexcept override { ++references; }
    void release() noexcept override { --references; }

    std::string end;    // empty: it has not ended
    std::string error;  // what the exception says
    int value = 0;
    int references = 1;
    bool has_callback = false;
    std::function<void()> at_result{};  // what a codec of the user does
};

using Task = TaskOf<concurrent::futures::detail::RemoteTask>;

}  // namespace recorded
