// SPDX-License-Identifier: MIT
//
// progress_bar.hpp: counts items, and draws one line on a terminal.
//
// progress_line() is the layout, a function of its arguments alone. ProgressBar decides when to draw: at the start, at
// most ten times a second, and at the end. Drawing never throws and never stops the loop: a bar that cannot be
// written is not drawn any more.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "concurrent/futures/detail/platform/bounds.hpp"
#include "concurrent/futures/detail/platform/terminal.hpp"
#include "concurrent/futures/detail/platform/tuning.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

struct ProgressCounts {
    std::size_t done = 0;
    std::size_t failed = 0;  // of those
    std::optional<std::size_t> total{};
    double seconds = 0;  // since the start
};

/// A line without its end: as it is written, and how many columns that takes.
struct ProgressLine {
    std::string text;
    std::size_t columns = 0;
};

/// "0:07", "12:34", "1:02:03".
inline std::string clock_text(double seconds) {
    if (!(seconds < 3.6e6)) return ">999 h";
    const auto whole = static_cast<unsigned>(seconds + 0.5);
    char text[32];
    if (whole < 3600)
        std::snprintf(text, sizeof text, "%u:%02u", whole / 60, whole % 60);
    else
        std::snprintf(text, sizeof text, "%u:%02u:%02u", whole / 3600, whole / 60 % 60, whole % 60);
    return text;
}

/// "35.2/s", "12.3k/s"; slow ones as "4.2 s each".
inline std::string rate_text(std::size_t done, double seconds) {
    if (done == 0 || !(seconds > 0)) return {};
    const double rate = static_cast<double>(done) / seconds;
    char text[32];
    if (rate < 1)
        std::snprintf(text, sizeof text, "%.1f s each", 1 / rate);
    else if (rate < 10'000)
        std::snprintf(text, sizeof text, "%.1f/s", rate);
    else if (rate < 1e7)
        std::snprintf(text, sizeof text, "%.1fk/s", rate / 1e3);
    else
        std::snprintf(text, sizeof text, "%.1fM/s", rate / 1e6);
    return text;
}

/// UTF-8: continuation bytes take no column. Wide characters count as one.
inline std::size_t columns_of(std::string_view text) noexcept {
    std::size_t count = 0;
    for (const char c : text) count += (static_cast<unsigned char>(c) & 0xC0) != 0x80;
    return count;
}

/// The first `columns` columns of it.
inline std::string_view first_columns(std::string_view text, std::size_t columns) noexcept {
    std::size_t size = 0;
    for (std::size_t count = 0; size < text.size(); ++size)
        if ((static_cast<unsigned char>(text[size]) & 0xC0) != 0x80 && count++ == columns) break;
    return text.substr(0, size);
}

/// "photos  42% [########....] 420/1000  35.2/s  0:17 left  3 failed", in at most `width` columns. What does not fit is
/// left out, in this order: the bar, the rate, the label, the time left; the rest is cut.
inline ProgressLine progress_line(std::string_view label, ProgressCounts counts, std::size_t width, bool colour) {
    if (counts.total && *counts.total < counts.done) counts.total.reset();  // it was wrong
    std::string percent, count = std::to_string(counts.done), left, failed;
    if (counts.total) {
        const std::size_t total = *counts.total;
        const double part = total == 0 ? 1 : static_cast<double>(counts.done) / static_cast<double>(total);
        char text[8];
        std::snprintf(text, sizeof text, "%3d%%", static_cast<int>(part * 100));
        percent = text;
        count += '/' + std::to_string(total);
        if (counts.done == total)
            left = "in " + clock_text(counts.seconds);
        else if (counts.done != 0)
            left = clock_text(counts.seconds / static_cast<double>(counts.done) *
                              static_cast<double>(total - counts.done)) + " left";
    } else {
        left = "in " + clock_text(counts.seconds);
    }
    if (counts.failed != 0) failed = std::to_string(counts.failed) + " failed";

    std::string rate = rate_text(counts.done, counts.seconds), name(label);
    const auto joined_columns = [&] {
        std::size_t columns = 0;
        for (const std::string* part : {&name, &percent, &count, &rate, &left, &failed})
            if (!part->empty()) columns += columns_of(*part) + (columns == 0 ? 0 : part == &count ? 1 : 2);
        return columns;
    };
    for (std::string* part : {&rate, &name, &left, &percent}) {
        if (joined_columns() <= width) break;
        part->clear();
    }
    std::size_t cells = 0;
    if (counts.total && !percent.empty() && joined_columns() + 8 <= width)
        cells = smaller<std::size_t>(width - joined_columns() - 3, 40);  // " [" and "]"

    ProgressLine line;
    const auto add = [&](std::string_view text, std::size_t gap, const char* escape = nullptr) {
        if (text.empty()) return;
        if (line.columns == 0) gap = 0;
        if (line.columns + gap >= width) return;
        text = first_columns(text, width - line.columns - gap);
        line.text.append(gap, ' ');
        if (escape && colour) line.text += escape;
        line.text += text;
        if (escape && colour) line.text += "\x1b[0m";
        line.columns += gap + columns_of(text);
    };
    add(name, 0);
    add(percent, 2);
    if (cells != 0) {
        const auto full = static_cast<std::size_t>(
            *counts.total == 0 ? static_cast<double>(cells)
                               : static_cast<double>(counts.done) / static_cast<double>(*counts.total) *
                                     static_cast<double>(cells));
        add("[", 1);
        add(std::string(full, '#'), 0, "\x1b[32m");
        add(std::string(cells - full, '.'), 0);
        add("]", 0);
    }
    add(count, 1);
    add(rate, 2);
    add(left, 2);
    add(failed, 2, "\x1b[31m");
    return line;
}

/// Draws on stderr when that is a terminal and this job is in its foreground. One thread.
class ProgressBar {
  public:
    ProgressBar(std::string label, std::optional<std::size_t> total)
        : label_(std::move(label)), drawn_(is_terminal(standard_error)) {
        counts_.total = total;
        if (!drawn_) return;
        for (char& c : label_)
            if (static_cast<unsigned char>(c) < 32 || c == 127) c = ' ';  // it must stay one line
        colour_ = wants_colour();
        start_ = next_ = Clock::now();
    }
    ProgressBar(const ProgressBar&) = delete;
    ProgressBar& operator=(const ProgressBar&) = delete;
    /// The last state, and the end of the line: what is printed next starts on a line of its own.
    ~ProgressBar() { finish(); }

    void begin() noexcept {
        if (drawn_) draw(Clock::now());
    }
    void item_failed() noexcept { ++counts_.failed; }
    void item_done() noexcept {
        ++counts_.done;
        if (!drawn_) return;
        const Clock::time_point now = Clock::now();
        if (columns_ == 0 || now >= next_) draw(now);
    }
    /// Clears the line, so that other code can print. The next item draws the bar again.
    void erase() noexcept {
        if (columns_ == 0) return;
        write_guarded([&] { return '\r' + std::string(std::exchange(columns_, 0), ' ') + '\r'; });
    }
    void finish() noexcept {
        if (!drawn_ || !begun_) return;
        draw(Clock::now());
        if (columns_ != 0) write_guarded([] { return std::string("\n"); });
        drawn_ = false;
    }
    const ProgressCounts& counts() const noexcept { return counts_; }

  private:
    using Clock = std::chrono::steady_clock;
    static constexpr int standard_error = 2;
    static constexpr auto interval = tuning::progress_interval;

    void draw(Clock::time_point now) noexcept {
        begun_ = true;
        next_ = now + interval;
        if (!is_in_foreground(standard_error)) return;
        counts_.seconds = std::chrono::duration<double>(now - start_).count();
        write_guarded([&] {
            // The last column stays free: some terminals go to the next line after it.
            const std::size_t width = larger<std::size_t>(terminal_columns(standard_error), 2) - 1;
            ProgressLine line = progress_line(label_, counts_, width, colour_);
            const std::size_t before = smaller(std::exchange(columns_, line.columns), width);
            if (before > line.columns) line.text.append(before - line.columns, ' ');
            return '\r' + line.text;
        });
    }
    template <class MakeText>
    void write_guarded(MakeText make_text) noexcept {
        try {
            drawn_ = write_to_terminal(standard_error, make_text());
        } catch (...) {  // no memory for a line
            drawn_ = false;
        }
    }

    std::string label_;
    ProgressCounts counts_;
    bool drawn_;
    bool begun_ = false;
    bool colour_ = false;
    Clock::time_point start_{};
    Clock::time_point next_{};
    std::size_t columns_ = 0;  // on the terminal now
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
