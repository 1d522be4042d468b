// SPDX-License-Identifier: MIT
//
// trace_writer.hpp: records of Chrome's trace format, written by many threads into one file.
//
//     TraceWriter writer("run.json");
//     writer.write([&](JsonText& text) { text.put("\"ph\":\"i\",\"name\":"); text.put_string(name); … });
//
// The file is one JSON array. Each record begins with a comma and a line feed, the first one excepted, and stands in a
// block of its thread, padded with spaces: so at any time the file lacks nothing but its last ']', which readers of this
// format do without. A thread writes without a lock and without a system call, but for one block in several hundred
// records. A record is made on the stack and copied as a whole.
// Threads: all functions from any thread. In a forked child nothing is written.
#pragma once

#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "concurrent/futures/detail/platform/atomic.hpp"
#include "concurrent/futures/detail/platform/bounds.hpp"
#include "concurrent/futures/detail/platform/chrono.hpp"
#include "concurrent/futures/detail/platform/fork_generation.hpp"
#include "concurrent/futures/detail/platform/process_number.hpp"
#include "concurrent/futures/detail/platform/trace_storage.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

/// One record, while it is made.
class JsonText {
  public:
    static constexpr std::size_t capacity = 4096;

    /// Plain text: literals and what is known to be short.
    void put(std::string_view text) noexcept {
        std::memcpy(next_, text.data(), text.size());
        next_ += text.size();
    }
    /// A literal: its length is known, so that copying it is a few instructions.
    template <std::size_t size>
    void put(const char (&literal)[size]) noexcept {
        std::memcpy(next_, literal, size - 1);
        next_ += size - 1;
    }
    void put_number(std::uint64_t number) noexcept { next_ = std::to_chars(next_, end(), number).ptr; }
    void put_hex(std::uint64_t number) noexcept { next_ = std::to_chars(next_, end(), number, 16).ptr; }
    /// Nanoseconds, as microseconds.
    void put_time(std::int64_t nanoseconds) noexcept {
        const auto time = static_cast<std::uint64_t>(larger<std::int64_t>(nanoseconds, 0));
        put_number(time / 1000);
        const auto rest = static_cast<unsigned>(time % 1000);
        const char digits[] = {'.', digit(rest / 100), digit(rest / 10 % 10), digit(rest % 10)};
        put({digits, sizeof digits});
    }
    /// With quotes. Cut after 256 bytes; what is not UTF-8 becomes '?'.
    void put_string(std::string_view text) noexcept {
        *next_++ = '"';
        text = text.substr(0, 256);
        while (!text.empty()) {
            if (is_plain(text[0])) {
                *next_++ = text[0];
                text.remove_prefix(1);
                continue;
            }
            const std::size_t length = length_of_first(text);
            const auto first = static_cast<unsigned char>(text[0]);
            if (length == 0) {
                *next_++ = '?';
            } else if (first < 0x20) {
                put("\\u00");
                *next_++ = digit(first / 16);
                *next_++ = "0123456789abcdef"[first % 16];
            } else {
                if (first == '"' || first == '\\') *next_++ = '\\';
                put(text.substr(0, length));
            }
            text.remove_prefix(larger<std::size_t>(length, 1));
        }
        *next_++ = '"';
    }
    std::string_view text() const noexcept { return {text_.data(), static_cast<std::size_t>(next_ - text_.data())}; }

  private:
    static char digit(unsigned value) noexcept { return static_cast<char>('0' + value); }
    /// Stands for itself between quotes.
    static bool is_plain(char letter) noexcept {
        const auto byte = static_cast<unsigned char>(letter);
        return byte >= 0x20 && byte < 0x80 && byte != '"' && byte != '\\';
    }
    char* end() noexcept { return text_.data() + capacity; }
    /// Bytes of the first character; 0: it is not UTF-8.
    static std::size_t length_of_first(std::string_view text) noexcept {
        const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(text[at]); };
        if (byte(0) < 0x80) return 1;
        const std::size_t length = byte(0) < 0xc2 ? 0 : byte(0) < 0xe0 ? 2 : byte(0) < 0xf0 ? 3 : byte(0) < 0xf5 ? 4 : 0;
        if (length == 0 || length > text.size()) return 0;
        for (std::size_t at = 1; at < length; ++at)
            if (byte(at) >> 6 != 2) return 0;
        const bool overlong = (byte(0) == 0xe0 && byte(1) < 0xa0) || (byte(0) == 0xf0 && byte(1) < 0x90);
        const bool none = (byte(0) == 0xed && byte(1) > 0x9f) || (byte(0) == 0xf4 && byte(1) > 0x8f);
        return overlong || none ? 0 : length;
    }

    std::array<char, capacity> text_;  // not set to 0
    char* next_ = text_.data();
};

/// What a trace knows of a thread.
struct TraceRow {
    std::thread::id thread{};
    std::uint64_t number = 0;
    char* block = nullptr;  // of the file
    char* next = nullptr;
    std::chrono::steady_clock::time_point counted{};  // when it has written a counter
    std::size_t waiting = 0;                          // its value then
};

/// The row of this thread, in the trace that it has written to last.
struct RowOfThread {
    std::uint64_t writer = 0;
    TraceRow* row = nullptr;
};

class TraceWriter {
  public:
    using Time = std::chrono::steady_clock::time_point;

    /// Throws std::system_error.
    explicit TraceWriter(const std::string& path) : storage_(path) {}
    TraceWriter(const TraceWriter&) = delete;
    TraceWriter& operator=(const TraceWriter&) = delete;
    ~TraceWriter() {
        finish();
        if (born_.in_forked_child()) return;
        for (const auto& row : rows_)
            if (row->block) storage_.give_back(row->block);
    }

    using Row = TraceRow;

    /// The row of the calling thread. A new one is called `name`. Null: nothing can be written.
    Row* row(std::string_view name = {}) noexcept {
        if (born_.in_forked_child()) return nullptr;
        if (name.empty() && here_.writer == number_) return here_.row;
        return find_row(name);
    }
    /// `fill(text)`: what stands between the braces.
    template <class Fill>
    void write(Row& row, Fill fill) noexcept {
        JsonText text;
        text.put(",\n{");
        fill(text);
        text.put("}");
        append(row, text.text());
    }
    /// Microseconds since the beginning of the trace.
    std::int64_t since_begin(Time time) const noexcept {
        return std::chrono::duration_cast<std::chrono::nanoseconds>(time - begin_).count();
    }
    std::uint64_t process() const noexcept { return process_; }

    /// The array is closed. Events that still come may be in it or not.
    void finish() noexcept {
        if (born_.in_forked_child()) return;
        const std::lock_guard lock(mutex_);
        storage_.finish(is_empty_ ? "[]\n" : "\n]\n");
    }

  private:
    void append(Row& row, std::string_view record) noexcept {
        if (!row.block || static_cast<std::size_t>(row.block + TraceStorage::block_size - row.next) < record.size()) {
            const std::lock_guard lock(mutex_);
            if (!make_room(row)) return;
        }
        std::memcpy(row.next, record.data(), record.size());
        row.next += record.size();
    }
    /// With the lock.
    bool make_room(Row& row) noexcept {
        if (row.block) {
            if (storage_.reuse(row.block, static_cast<std::size_t>(row.next - row.block))) {
                row.next = row.block;
                return true;
            }
            storage_.give_back(std::exchange(row.block, nullptr));
        }
        if (is_empty_) {  // every other record begins with a comma
            JsonText first;
            first.put("[\n{\"ph\":\"M\",\"name\":\"process_name\",\"pid\":");
            first.put_number(process_);
            first.put(",\"tid\":0,\"args\":{\"name\":\"program\"}}");
            if (!storage_.write(first.text())) return false;
            is_empty_ = false;
        }
        row.block = row.next = storage_.take_block();
        return row.block != nullptr;
    }
    Row* find_row(std::string_view name) noexcept {
        Row* found = nullptr;
        try {
            const std::thread::id self = std::this_thread::get_id();
            const std::lock_guard lock(mutex_);
            for (const auto& row : rows_)
                if (row->thread == self) found = row.get();
            if (found && name.empty()) return here_ = {number_, found}, found;
            if (!found) {
                rows_.push_back(std::make_unique<Row>());
                found = rows_.back().get();
            }
            // A new thread under the number of one that has ended goes on in its block.
            found->thread = self;
            found->number = ++last_row_;
        } catch (...) {
            return nullptr;  // no memory
        }
        here_ = {number_, found};
        name_row(*found, name);
        return found;
    }
    void name_row(Row& row, std::string_view name) noexcept {
        write(row, [&](JsonText& text) {
            text.put("\"ph\":\"M\",\"name\":\"thread_name\",\"pid\":");
            text.put_number(process_);
            text.put(",\"tid\":");
            text.put_number(row.number);
            text.put(",\"args\":{\"name\":");
            if (name.empty()) {
                text.put("\"thread ");
                text.put_number(row.number);
                text.put("\"");
            } else {
                text.put_string(name);
            }
            text.put("}");
        });
    }
    static std::uint64_t next_number() noexcept {
        // relaxed: the numbers only have to differ.
        static constinit Atomic<std::uint64_t> writers{0};
        return writers.fetch_add(1, std::memory_order_relaxed) + 1;
    }

    inline static constinit thread_local RowOfThread here_{};

    const std::uint64_t number_ = next_number();
    const Time begin_ = std::chrono::steady_clock::now();
    const std::uint64_t process_ = static_cast<std::uint64_t>(number_of_this_process());
    const ForkMark born_;
    std::mutex mutex_;
    // All below: guarded by mutex_; a row's block is written by its thread only.
    TraceStorage storage_;
    std::vector<std::unique_ptr<Row>> rows_;
    std::uint64_t last_row_ = 0;
    bool is_empty_ = true;
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
