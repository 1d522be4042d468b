// SPDX-License-Identifier: MIT
//
// broadcast.hpp: a value that many tasks take and that crosses once.
//
//     const auto model = cf::broadcast(load_model("weights"));       // cf::Broadcast<Model>
//     for (const Image& image : images) pool.submit(classify, model, image);
//     // int classify(const Model&, const Image&): nothing to change there
//
// A handle, as cheap to copy as a std::shared_ptr, to a value that is constant from then on. The first task for a
// process encodes the value into sealed memory. Tasks carry 32 bytes that name this memory. Each worker maps it once
// and decodes the value once, when a task first uses it. For parameters of type std::span<const E> and
// std::string_view the value is not decoded at all: they view the shared bytes. On threads and inline the handle
// refers to the value itself, and nothing is encoded.
// A generic callable, and a struct with such a member, gets a Broadcast<T>, with * and ->.
// Threads: any thread may copy and read. A thread waits while another one encodes or decodes the value; if it is a
// worker of a thread pool, another thread works in its place.
// Memory: the value, and from the first task for a process on also its encoding, live until the last handle in the
// program is gone and the last task with it has ended. Then the workers unmap it, too. It takes a descriptor in every
// process that has it.
#pragma once

#include "concurrent/futures/detail/platform/process_requirements.hpp"

#include <concepts>
#include <cstddef>
#include <memory>
#include <span>
#include <type_traits>
#include <typeinfo>
#include <utility>

#include "concurrent/futures/detail/serialization/region_codec.hpp"
#include "concurrent/futures/detail/serialization/shared_encoding.hpp"
#include "concurrent/futures/detail/state/once_value.hpp"
#include "concurrent/futures/serialization.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI {
namespace detail {

/// The value, its bytes, or both.
template <class T>
struct BroadcastState {
    template <class Value>
    BroadcastState(std::in_place_t, Value&& given) : value(std::in_place, std::forward<Value>(given)) {}
    /// Of a region that was received, and that this is a part of.
    explicit BroadcastState(SharedRegion& region) : origin(&region) {}

    const T& get() {
        return value.get([this]() -> T {  // with its type: else clang makes `decoded` on the stack
            Decoder decoder = decoder_of<T>(*origin);
            T decoded = decoder.decode<T>();
            decoder.expect_end();
            return decoded;
        });
    }

    OnceValue<T> value;
    OnceValue<std::shared_ptr<SharedRegion>> encoded;  // unless there is an origin
    SharedRegion* const origin = nullptr;
};

/// As what type a T can be viewed without being decoded.
template <class View, class T>
concept ViewOf = is_decodable_view<View> && BitwiseContainer<T> && std::constructible_from<View, const T&> &&
    std::same_as<std::remove_cv_t<typename View::value_type>, typename T::value_type>;

}  // namespace detail

/// A constant T that crosses once. Made by broadcast().
template <class T>
class Broadcast {
    static_assert(std::is_object_v<T> && std::move_constructible<T> && !std::is_const_v<T>,
                  "Broadcast<T>: T must be a movable value type: no reference, no const");

  public:
    using value_type = T;

    /// Moves the value in.
    explicit Broadcast(T&& value) : state_(std::make_shared<State>(std::in_place, std::move(value))) {}
    /// Copies the value.
    explicit Broadcast(const T& value) : state_(std::make_shared<State>(std::in_place, value)) {}
    /// Copies refer to the same value; every Broadcast has one.
    Broadcast(const Broadcast&) = default;
    Broadcast& operator=(const Broadcast&) = default;
    ~Broadcast() = default;

    /// The value; the reference is valid as long as this process has a handle. In a worker the first use decodes the
    /// value, and throws SerializationError or what a codec throws.
    const T& get() const { return state_->get(); }
    const T& operator*() const { return get(); }
    const T* operator->() const { return std::addressof(get()); }
    operator const T&() const { return get(); }

    /// std::span<const E> or std::string_view of it, valid as long as get().
    template <class View>
        requires detail::ViewOf<View, T>
    operator View() const {
        if (!state_->origin || state_->value.is_made()) return View(get());
        Decoder decoder = detail::decoder_of<T>(*state_->origin);
        const View view = decoder.decode_view<View>();
        decoder.expect_end();
        return view;
    }

    /// True for handles to the same value, not for equal values.
    friend bool operator==(const Broadcast& a, const Broadcast& b) noexcept = default;

  private:
    friend detail::BuiltinCodec<Broadcast>;
    using State = detail::BroadcastState<T>;

    explicit Broadcast(std::shared_ptr<State> state) noexcept : state_(std::move(state)) {}

    std::shared_ptr<State> state_;
};

/// `value`, for use by many tasks.
template <class T>
[[nodiscard]] Broadcast<std::decay_t<T>> broadcast(T&& value) {
    return Broadcast<std::decay_t<T>>(std::forward<T>(value));
}

namespace detail {

template <class T>
inline constexpr bool is_converted_there<Broadcast<T>> = true;

template <class T>
struct BuiltinCodec<Broadcast<T>> {
    using Parts = TypeList<T>;
    static constexpr std::size_t minimum_size() { return sizeof(RegionName); }
    static void encode(Encoder& encoder, const Broadcast<T>& broadcast) {
        const auto& state = broadcast.state_;
        if (state->origin) return encode_region(encoder, state->origin->shared_from_this());
        encode_region(encoder, state->encoded.get([&] {
            auto region = encoded_in_memory(state->get());
            region->set_original(state);
            return region;
        }));
    }
    static Broadcast<T> decode(Decoder& decoder) {
        const auto region = decode_region(decoder, true, typeid(Broadcast<T>));
        return Broadcast<T>(region->template derived<BroadcastState<T>>());
    }
};

}  // namespace detail
}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI
