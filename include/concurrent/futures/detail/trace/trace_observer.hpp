// SPDX-License-Identifier: MIT
//
// trace_observer.hpp: what pools do as records of Chrome's trace format, which Perfetto and speedscope open.
//
//     B, E   a call runs: in the row of its thread, or of its worker process; a callback
//     X      a submit, a cancel (without a length); items of a map
//     i      a retry, a timeout, the start, end and death of a worker
//     C      calls that wait, per pool
//     M      names of rows
//
// Arrows are the newer kind: bind_id, flow_in, flow_out in the record of a slice. A call is written when it starts, so
// that after a crash the trace shows what was running. Times are microseconds since the trace was opened.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "concurrent/futures/detail/platform/chrono.hpp"
#include "concurrent/futures/detail/platform/tuning.hpp"
#include "concurrent/futures/detail/trace/trace_writer.hpp"
#include "concurrent/futures/observer.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

class TraceObserver final : public Observer {
  public:
    explicit TraceObserver(const std::string& path) : writer_(path) {}
    void finish() noexcept { writer_.finish(); }

    void submitted(const CallEvent& call) override {
        record(call, "X", "submit", ",\"flow_out\":true", false);
        count(call);
    }
    void started(const CallEvent& call) override {
        record(call, "B", call.name.empty() ? "task" : call.name, ",\"flow_in\":true,\"flow_out\":true");
        count(call);
    }
    void finished(const CallEvent& call, CallOutcome outcome) override {
        end(call, outcome == CallOutcome::completed ? "" : outcome == CallOutcome::failed ? "failed" : "cancelled");
    }
    void cancelled(const CallEvent& call) override {
        record(call, "X", "cancelled", ",\"flow_in\":true", false);
        count(call);
    }
    void retried(const CallEvent& call) override {
        end(call, "failed, to be retried");
        instant(call, "retry", call.name);
    }
    void timed_out(const CallEvent& call) override { instant(call, "timeout", call.name); }
    void ran_items(const CallEvent& call, std::size_t items, std::chrono::steady_clock::time_point began) override {
        write(call, [&](JsonText& text, std::uint64_t pid, std::uint64_t tid) {
            head(text, "X", pid, tid, began);
            text.put(",\"dur\":");
            text.put_time(writer_.since_begin(call.time) - writer_.since_begin(began));
            text.put(",\"name\":\"items\",\"args\":{\"items\":");
            text.put_number(items);
            text.put("}");
        });
    }
    void callback_started(const CallEvent& call) override { record(call, "B", "callback", ",\"flow_in\":true"); }
    void callback_finished(const CallEvent& call) override { end(call, ""); }

    void worker_started(const WorkerEvent& worker) override {
        if (worker.pid == 0) {
            writer_.row(worker.name);  // takes the name
        } else {
            name(worker, "process_name", worker.pool.kind == "ranks" ? "MPI ranks" : worker.name);
            name(worker, "thread_name", worker.name);
        }
        instant(worker, "worker started", {});
    }
    void worker_ended(const WorkerEvent& worker) override { instant(worker, "worker ended", {}); }
    void worker_died(const WorkerEvent& worker, std::string_view how) override { instant(worker, "worker died", how); }

  private:
    // Ranks are rows of one group: on several machines their processes may have the same number. No system gives this one.
    static constexpr std::uint64_t process_of_ranks = 1'000'000'000;
    static std::size_t number_of_worker(const CallEvent& call) noexcept { return call.worker; }
    static std::size_t number_of_worker(const WorkerEvent& worker) noexcept { return worker.number; }

    static constexpr auto counter_interval = tuning::trace_counter_interval;  // of one thread

    /// `fill(text, pid, tid)`: of the calling thread, or of the worker process.
    template <class Event, class Fill>
    void write(const Event& event, Fill fill) noexcept {
        TraceWriter::Row* const row = writer_.row();
        if (!row) return;
        const auto worker = static_cast<std::uint64_t>(event.pid);
        std::uint64_t pid = worker ? worker : writer_.process(), tid = worker ? worker : row->number;
        if (worker && event.pool.kind == "ranks") {
            pid = process_of_ranks;
            tid = number_of_worker(event) + 1;
        }
        writer_.write(*row, [&](JsonText& text) { fill(text, pid, tid); });
    }
    void head(JsonText& text, std::string_view phase, std::uint64_t pid, std::uint64_t tid,
              std::chrono::steady_clock::time_point time) const noexcept {
        text.put("\"ph\":\"");
        text.put(phase);
        text.put("\",\"pid\":");
        text.put_number(pid);
        text.put(",\"tid\":");
        text.put_number(tid);
        text.put(",\"ts\":");
        text.put_time(writer_.since_begin(time));
    }
    /// The beginning of a slice, or all of one; with arrows.
    void record(const CallEvent& call, std::string_view phase, std::string_view name, std::string_view arrows,
                bool lasts = true) noexcept {
        write(call, [&](JsonText& text, std::uint64_t pid, std::uint64_t tid) {
            head(text, phase, pid, tid, call.time);
            if (!lasts) text.put(",\"dur\":0");
            text.put(",\"bind_id\":\"0x");
            text.put_hex(call.call);
            text.put("\"");
            text.put(arrows);
            text.put(",\"name\":");
            text.put_string(name);
        });
    }
    void end(const CallEvent& call, std::string_view how) noexcept {
        write(call, [&](JsonText& text, std::uint64_t pid, std::uint64_t tid) {
            head(text, "E", pid, tid, call.time);
            if (how.empty()) return;
            text.put(",\"args\":{\"end\":");
            text.put_string(how);
            text.put("}");
        });
    }
    template <class Event>
    void instant(const Event& event, std::string_view name, std::string_view about) noexcept {
        write(event, [&](JsonText& text, std::uint64_t pid, std::uint64_t tid) {
            head(text, "i", pid, tid, event.time);
            text.put(",\"s\":\"t\",\"name\":");
            text.put_string(name);
            if (about.empty()) return;
            text.put(",\"args\":{\"about\":");
            text.put_string(about);
            text.put("}");
        });
    }
    void name(const WorkerEvent& worker, std::string_view what, std::string_view name) noexcept {
        write(worker, [&](JsonText& text, std::uint64_t pid, std::uint64_t tid) {
            head(text, "M", pid, tid, worker.time);
            text.put(",\"name\":");
            text.put_string(what);
            text.put(",\"args\":{\"name\":");
            text.put_string(name);
            text.put("}");
        });
    }
    /// The calls that wait; each thread now and then, and always when there are none any more.
    void count(const CallEvent& call) noexcept {
        TraceWriter::Row* const row = writer_.row();
        if (!row || (call.time - row->counted < counter_interval && (call.waiting != 0 || row->waiting == 0))) return;
        row->counted = call.time;
        row->waiting = call.waiting;
        writer_.write(*row, [&](JsonText& text) {
            head(text, "C", writer_.process(), 0, call.time);
            text.put(",\"name\":");
            text.put_string(call.pool.name);
            text.put(",\"args\":{\"waiting\":");
            text.put_number(call.waiting);
            text.put("}");
        });
    }

    TraceWriter writer_;
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
