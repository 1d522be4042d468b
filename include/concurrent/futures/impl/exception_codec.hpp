// SPDX-License-Identifier: MIT
//
// impl/exception_codec.hpp: how an exception is written and made again; see impl/src.hpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <new>
#include <string>
#include <string_view>
#include <typeinfo>
#include <utility>

#include "concurrent/futures/detail/platform/demangle.hpp"
#include "concurrent/futures/detail/platform/forced_unwind.hpp"
#include "concurrent/futures/detail/serialization/exception_codec.hpp"
#include "concurrent/futures/errors.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

/// Depth-first, the innermost at the front of the bytes. What is nested deeper than the limit is
/// left out.
class ExceptionWriter {
  public:
    explicit ExceptionWriter(Encoder& encoder) : encoder_(encoder) {}

    void write(const std::exception_ptr& exception, unsigned depth) {
        if (!exception) {
            encoder_.encode(ExceptionForm::none);
            return;
        }
        // The user's codec runs outside of these handlers: it may end the thread, which in a handler ends the program.
        const std::exception* error = nullptr;  // `exception` owns what both point to
        const std::nested_exception* nested = nullptr;
        std::string type_name;
        try {
            std::rethrow_exception(exception);
        } catch (const std::exception& caught) {
            error = &caught;
            nested = dynamic_cast<const std::nested_exception*>(&caught);
        } catch (const std::nested_exception& caught) {
            nested = &caught;
            type_name = current_exception_type_name();
        } catch (...) {
            type_name = current_exception_type_name();
        }
        write_nested(nested, depth);
        error ? write_error(*error) : write_remote(type_name, {});
    }

  private:
    void write_nested(const std::nested_exception* error, unsigned depth) {
        const bool nested =
            error != nullptr && error->nested_ptr() && depth + 1 < exception_depth_limit;
        encoder_.encode(nested ? ExceptionForm::nested : ExceptionForm::plain);
        if (nested) write(error->nested_ptr(), depth + 1);
    }

    void write_error(const std::exception& error) {
        const char* const what = error.what();
        const std::string_view message = what == nullptr ? std::string_view() : what;
        const std::string type_name = demangle_thrown(typeid(error));
        const std::size_t start = encoder_.size();
        if (const ExceptionEntry* const entry = find_entry(error)) {
            try {
                encoder_(entry->key(), std::string_view(type_name), message);
                const std::size_t length = encoder_.reserve_u64();
                const std::size_t body = encoder_.size();
                if (entry->encode) entry->encode(encoder_, error);
                encoder_.patch_u64(length, encoder_.size() - body);
                return;
            } catch (const std::bad_alloc&) {
                throw;
            } catch (ForcedUnwind&) {
                throw;
            } catch (...) {
                // Its codec failed (an error category of its own, say): say what is known.
                encoder_.truncate(start);
            }
        }
        write_remote(type_name, message);
    }

    /// The empty key belongs to no type.
    void write_remote(std::string_view type_name, std::string_view message) {
        encoder_(std::string_view(), type_name, message, std::uint64_t{0});
    }

    Encoder& encoder_;
};

CONCURRENT_FUTURES_DECL void encode_exception(Encoder& encoder, const std::exception_ptr& exception) {
    ExceptionWriter(encoder).write(exception, 0);
}

/// Calls make(bool nested), inside a handler of `nested` unless that is null: a nested_exception
/// holds what is being handled when it is made.
template <class Make>
std::exception_ptr make_nested(const std::exception_ptr& nested, Make make) {
    if (!nested) return make(false);
    try {
        std::rethrow_exception(nested);
    } catch (...) {
        return make(true);
    }
}

inline std::exception_ptr decode_exception(Decoder& decoder, int pid, unsigned depth) {
    const auto form = decoder.decode<ExceptionForm>();
    if (form == ExceptionForm::none && depth == 0) return nullptr;
    if (form != ExceptionForm::plain && form != ExceptionForm::nested) {
        decoder.fail(typeid(std::exception_ptr), "unknown form of exception");
    }
    std::exception_ptr nested;
    if (form == ExceptionForm::nested) {
        if (depth + 1 == exception_depth_limit) {
            decoder.fail(typeid(std::exception_ptr), "exceptions are nested too deep");
        }
        nested = decode_exception(decoder, pid, depth + 1);
    }
    const auto key = decoder.decode_view<std::string_view>();
    auto type_name = decoder.decode<std::string>();
    auto message = decoder.decode<std::string>();
    Decoder body = decoder.section(decoder.read_count(1, typeid(std::exception_ptr)));
    if (const ExceptionEntry* const entry = key.empty() ? nullptr : find_entry(key)) {
        try {
            auto exception = make_nested(
                nested, [&](bool is_nested) { return entry->rebuild(body, message, is_nested); });
            body.expect_end();
            return exception;
        } catch (const SerializationError&) {
            throw;
        } catch (const std::bad_alloc&) {
            throw;
        } catch (ForcedUnwind&) {
            throw;
        } catch (...) {
            // The constructor of the user's type threw: say what is known.
        }
    }
    const RemoteError remote(std::move(type_name), std::move(message), pid);
    return make_nested(nested,
                       [&](bool is_nested) { return capture(RemoteError(remote), is_nested); });
}

CONCURRENT_FUTURES_DECL std::exception_ptr decode_exception(Decoder& decoder, int pid) {
    return decode_exception(decoder, pid, 0);
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
