// SPDX-License-Identifier: MIT
//
// coroutine.hpp: futures in coroutines: await them, return them, choose the thread that resumes.
//
//     cf::Future<Page> load(cf::ThreadPoolExecutor& pool, std::string url) {
//         std::string text = co_await pool.submit(fetch, url);    // resumes in the thread that ended the task
//         co_await cf::resume_on(pool);                           // now on a worker of pool
//         co_return parse(text);
//     }
//
// A coroutine that returns a Future starts at once, in the calling thread. Its co_return or its exception ends that
// future; an uncaught CancelledError ends it as cancelled. Awaiting blocks no thread: the coroutine resumes in the
// thread that ended the task, or goes on at once if the task has ended.
// A library that can await awaitables (C++20 senders) takes a Future as it is.
// A coroutine may be destroyed while it awaits a Future; then it is not resumed. As with any coroutine, no other thread
// may resume it at that moment: stop what ends the task first, or destroy the coroutine in the same thread.
// Cancelling: cancel() of a coroutine's own future gives false and request_stop() does nothing, because it runs from
// the start. Cancel the future that it awaits: it gets CancelledError there. Or give it a std::stop_token.
// A time limit for an await (asyncio.wait_for): `co_await cf::with_timeout(page, 200ms)`, timers.hpp.
// Memory: everything the awaited task did happens before co_await returns.
//
// With g++ 12, do not write these in an expression with co_await: that compiler destroys them twice there (g++ 14 and
// clang do not):
//   - a lambda that captures by value something with a destructor: a std::string, a shared_ptr, a Future;
//   - an aggregate of yours, in braces or parentheses, with such a member; also if it is only an argument of
//     another call in that expression.
// Write them in a statement of their own, before it:
//     auto call = [name] { return load(name); };                   // or: auto page = pool.submit([name] { … });
//     Page page = co_await pool.submit(std::move(call));           //     co_await std::move(page)
// Not concerned: the options structs of this library, captures by reference, arguments of submit, and classes
// that have a constructor.
#pragma once

#include "concurrent/futures/detail/platform/requirements.hpp"

#include <coroutine>
#include <exception>
#include <type_traits>
#include <utility>

#include "concurrent/futures/future.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI {
namespace detail {

/// Set while this thread resumes a coroutine as the last act of a callback: the end of the coroutine is then the last
/// act.
class ResumedCoroutine {
  public:
    ResumedCoroutine(std::coroutine_handle<> coroutine, TaskQueue* later) noexcept
        : frame_(coroutine.address()), later_(later), outer_(std::exchange(innermost_, this)) {}
    ResumedCoroutine(const ResumedCoroutine&) = delete;
    ResumedCoroutine& operator=(const ResumedCoroutine&) = delete;
    ~ResumedCoroutine() { innermost_ = outer_; }
    /// The queue that the callback got, or null for another coroutine.
    static TaskQueue* later_for(std::coroutine_handle<> coroutine) noexcept {
        return innermost_ && innermost_->frame_ == coroutine.address() ? innermost_->later_ : nullptr;
    }

  private:
    inline static constinit thread_local const ResumedCoroutine* innermost_ = nullptr;
    const void* const frame_;
    TaskQueue* const later_;
    const ResumedCoroutine* const outer_;
};

/// Lies in the frame of the waiting coroutine. If the frame is destroyed meanwhile, the coroutine is not resumed.
template <class T, class Handle>
class FutureAwaiter final : public Listener {
  public:
    explicit FutureAwaiter(Handle future) : Listener(Kind::callback), future_(std::forward<Handle>(future)) {}
    ~FutureAwaiter() override {
        if (!awaited_) return;
        awaited_->remove_listener(*this);
        awaited_->drop_producer();
    }

    bool await_ready() const { return future_.done(); }
    bool await_suspend(std::coroutine_handle<> waiting) {
        SharedState& state = FutureAccess::state(future_, "co_await");
        waiting_ = waiting;
        awaited_ = &state;
        state.add_producer();  // the future that an lvalue names may go before this does
        // Where that succeeds, another thread may have resumed the coroutine by now, and this object be gone.
        if (state.add_listener(*this)) return true;
        awaited_ = nullptr;
        state.drop_producer();
        return false;
    }
    decltype(auto) await_resume() { return std::forward<Handle>(future_).result(); }

    void notify(SharedState& state, TaskQueue* later) noexcept override {
        awaited_ = nullptr;
        state.drop_producer();
        const ResumedCoroutine resumed(waiting_, later);
        waiting_.resume();
    }

  private:
    Handle future_;
    std::coroutine_handle<> waiting_;
    SharedState* awaited_ = nullptr;  // while this is in its list; one producer reference
};

template <class T>
class CoroutinePromiseBase {
  public:
    CoroutinePromiseBase() : state_(new State) { state_->begin(); }
    CoroutinePromiseBase(const CoroutinePromiseBase&) = delete;
    CoroutinePromiseBase& operator=(const CoroutinePromiseBase&) = delete;
    /// If the coroutine is destroyed while it is suspended (at an awaitable of another library), its future ends as
    /// cancelled.
    ~CoroutinePromiseBase() {
        if (state_) state_->finish_and_drop_producer(CallState::cancelled);
    }

    Future<T> get_return_object() noexcept { return FutureAccess::adopt<T>(state_); }
    std::suspend_never initial_suspend() const noexcept { return {}; }

    void unhandled_exception() noexcept {
        // From the destructor of a local, behind co_return.
        if (end_ == CallState::finished) state_->forget_result();
        try {
            throw;
        } catch (const CancelledError&) {
            end_ = CallState::cancelled;
        } catch (...) {
            end_ = state_->store_exception(std::current_exception());
        }
    }

    /// The frame, with all objects of the coroutine, is destroyed before its future is done.
    struct EndOfCoroutine {
        bool await_ready() const noexcept { return false; }
        template <class Promise>
        void await_suspend(std::coroutine_handle<Promise> coroutine) const noexcept {
            State* const state = std::exchange(coroutine.promise().state_, nullptr);
            const CallState end = coroutine.promise().end_;
            TaskQueue* const later = ResumedCoroutine::later_for(coroutine);
            coroutine.destroy();
            state->finish_and_drop_producer(end, later);
        }
        void await_resume() const noexcept {}
    };
    EndOfCoroutine final_suspend() const noexcept { return {}; }

  protected:
    struct State final : OutcomeState<T> {};
    State* state_;  // the future's; the coroutine holds the producer reference until it ends
    CallState end_ = CallState::cancelled;
};

template <class T>
class CoroutinePromise : public CoroutinePromiseBase<T> {
  public:
    template <class Value = T>
        requires std::is_convertible_v<Value&&, T>
    void return_value(Value&& value) noexcept {
        this->end_ = this->state_->store_result_of([&]() -> T { return std::forward<Value>(value); });
    }
};

template <>
class CoroutinePromise<void> : public CoroutinePromiseBase<void> {
  public:
    void return_void() noexcept { end_ = state_->store_result_of([] {}); }
};

/// Set while this thread hands a coroutine to an executor.
class PostingCoroutine {
  public:
    explicit PostingCoroutine(const void* frame) noexcept
        : frame_(frame), outer_(std::exchange(innermost_, this)) {}
    PostingCoroutine(const PostingCoroutine&) = delete;
    PostingCoroutine& operator=(const PostingCoroutine&) = delete;
    ~PostingCoroutine() { innermost_ = outer_; }

    /// Null where `frame` is not the one.
    static PostingCoroutine* of(const void* frame) noexcept {
        return innermost_ && innermost_->frame_ == frame ? innermost_ : nullptr;
    }
    bool run_here = false;  ///< the executor runs its work inside post()

  private:
    inline static constinit thread_local PostingCoroutine* innermost_ = nullptr;
    const void* const frame_;
    PostingCoroutine* const outer_;
};

/// Posted to an executor to resume a coroutine. If the executor drops it unrun, the coroutine is still resumed, with
/// CancelledError, so that its future ends; but not while post() is throwing.
class Resumption {
  public:
    Resumption(std::coroutine_handle<> coroutine, bool& dropped) noexcept
        : coroutine_(coroutine), dropped_(&dropped) {}
    Resumption(Resumption&& other) noexcept
        : coroutine_(std::exchange(other.coroutine_, nullptr)), dropped_(other.dropped_) {}
    Resumption& operator=(Resumption&&) = delete;
    ~Resumption() {
        if (!coroutine_ || PostingCoroutine::of(coroutine_.address())) return;
        *dropped_ = true;
        coroutine_.resume();
    }
    void operator()() {
        const std::coroutine_handle<> coroutine = std::exchange(coroutine_, nullptr);
        // Inside post() it goes on by not being suspended: a loop of these must not recurse.
        if (PostingCoroutine* const posting = PostingCoroutine::of(coroutine.address()))
            posting->run_here = true;
        else
            coroutine.resume();
    }

  private:
    std::coroutine_handle<> coroutine_;
    bool* dropped_;
};

template <class Executor>
class ResumeOn {
  public:
    explicit ResumeOn(Executor& executor) noexcept : executor_(executor) {}

    bool await_ready() const noexcept { return false; }
    bool await_suspend(std::coroutine_handle<> coroutine) {
        const PostingCoroutine posting(coroutine.address());
        // Once posted, the coroutine may be over, and this object gone.
        executor_.post(Resumption(coroutine, dropped_));
        return !posting.run_here;
    }
    void await_resume() const {
        if (dropped_) throw CancelledError("resume_on: the executor gave up its queued tasks (shut down, or "
                                           "broken) before the coroutine could resume there");
    }

  private:
    Executor& executor_;
    bool dropped_ = false;
};

}  // namespace detail

/// The awaited result, as result() gives it: `const T&` for an lvalue, T for an rvalue. Throws what the task threw,
/// CancelledError, or InvalidStateError for an empty future.
template <class T>
auto operator co_await(const Future<T>& future) {
    return detail::FutureAwaiter<T, const Future<T>&>(future);
}
template <class T>
auto operator co_await(Future<T>&& future) {
    return detail::FutureAwaiter<T, Future<T>>(std::move(future));
}

/// `co_await resume_on(pool)`: the coroutine goes on in a worker of the pool. Throws what post throws, and
/// CancelledError when the pool gives up its queued tasks.
template <class Executor>
auto resume_on(Executor& executor) noexcept {
    return detail::ResumeOn<Executor>(executor);
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI

template <class T, class... Args>
struct std::coroutine_traits<concurrent::futures::Future<T>, Args...> {
    using promise_type = concurrent::futures::detail::CoroutinePromise<T>;
};
