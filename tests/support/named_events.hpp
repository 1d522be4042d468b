// SPDX-License-Identifier: MIT
//
// named_events.hpp: an observer that gives each event a name, so that a test has one function for all of them.
//
//     struct Recorder : support::NamedEvents {
//         void told(std::string_view what, const cf::CallEvent& call) override { lines.emplace_back(what, call.name); }
//         …
//     };
//
// "submitted", "started", "completed", "failed", "stopped", "cancelled", "retried", "timed out", "callback", "callback over";
// "worker started", "worker ended", "worker died". Threads: as Observer.
#pragma once

#include <concurrent/futures/observer.hpp>
#include <string_view>

namespace support {

class NamedEvents : public concurrent::futures::Observer {
  public:
    using Call = concurrent::futures::CallEvent;
    using Worker = concurrent::futures::WorkerEvent;
    using Outcome = concurrent::futures::CallOutcome;

    virtual void told(std::string_view what, const Call& call) = 0;
    /// `how`: of a death.
    virtual void told(std::string_view, const Worker&, std::string_view how) { static_cast<void>(how); }

    void submitted(const Call& call) override { told("submitted", call); }
    void started(const Call& call) override { told("started", call); }
    void finished(const Call& call, Outcome outcome) override {
        told(outcome == Outcome::completed ? "completed" : outcome == Outcome::failed ? "failed" : "stopped", call);
    }
    void cancelled(const Call& call) override { told("cancelled", call); }
    void retried(const Call& call) override { told("retried", call); }
    void timed_out(const Call& call) override { told("timed out", call); }
    void callback_started(const Call& call) override { told("callback", call); }
    void callback_finished(const Call& call) override { told("callback over", call); }
    void worker_started(const Worker& worker) override { told("worker started", worker, {}); }
    void worker_ended(const Worker& worker) override { told("worker ended", worker, {}); }
    void worker_died(const Worker& worker, std::string_view how) override { told("worker died", worker, how); }
};

}  // namespace support
