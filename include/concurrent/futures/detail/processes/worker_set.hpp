// SPDX-License-Identifier: MIT
//
// worker_set.hpp: the workers of a process pool: how they are started, how their end is noticed, and how they are
// given up.
//
//     WorkerSet::Links fresh = workers.make(arena, record_end_times);    // without the pool's mutex
//     WorkerLink& link = workers.add(fresh, forced);                     // with it
//     for (const auto& each : workers) …
//     workers.remove(link);  workers.take_removed();                     // destroyed without the mutex
//
// Changed by the manager thread with the pool's mutex; so the manager thread may read without it.
#pragma once

#include <signal.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "concurrent/futures/detail/platform/assert.hpp"
#include "concurrent/futures/detail/platform/lock_rule.hpp"
#include "concurrent/futures/detail/processes/process_settings.hpp"
#include "concurrent/futures/detail/processes/process_tree.hpp"
#include "concurrent/futures/detail/processes/spawn_copy.hpp"
#include "concurrent/futures/detail/processes/start_environment.hpp"
#include "concurrent/futures/detail/processes/template_process.hpp"
#include "concurrent/futures/detail/processes/worker_configuration.hpp"
#include "concurrent/futures/detail/processes/worker_link.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

class WorkerSet {
  public:
    using Links = std::list<std::unique_ptr<WorkerLink>>;

    /// Copies the environment, which spawned workers get: the manager thread must not read it while the program
    /// changes it.
    WorkerSet(const ProcessSettings& settings, ProcessTreeShare share, const LockRule& rule = LockRule::none())
        : rule_(rule),
          spawns_(settings.spawn),
          share_(std::move(share)),
          environment_(spawns_ ? worker_environment(share_.for_each_worker()) : std::vector<std::string>()),
          configuration_(configuration_of(settings)) {}
    WorkerSet(const WorkerSet&) = delete;
    WorkerSet& operator=(const WorkerSet&) = delete;

    auto begin() const noexcept {
        CONCURRENT_FUTURES_ASSERT(rule_.readable());
        return links_.begin();
    }
    auto end() const noexcept { return links_.end(); }
    bool empty() const noexcept { return links_.empty(); }
    std::size_t size() const noexcept { return links_.size(); }
    bool spawns() const noexcept { return spawns_; }

    // Their start.

    /// Where a template forks the workers: it must be there first.
    void start_template() {
        if (!spawns_) template_.emplace(share_.for_each_worker());
    }
    /// One worker, whose process is being started, for add(). Manager thread, without the mutex.
    Links make(const PayloadArena* calls, bool record_end_times) {
        CONCURRENT_FUTURES_ASSERT(rule_.on_engine_thread() && rule_.unlocked());
        WorkerLink::Ends ends;
        Links fresh;  // its place in the list first, so that nothing can fail when the process is there
        fresh.push_back(std::make_unique<WorkerLink>(++last_number_, calls, ends, rule_));
        WorkerLink* const link = fresh.front().get();
        if (record_end_times) link->page().record_end_times();
        link->page().set_worker_number(link->index = free_index());
        link->queue_frame(make_header(FrameType::configure, configuration_.size()), configuration_.bytes());
        link->flush();
        const auto numbers = ends.numbers();
        link->process = spawns_ ? spawn_copy(environment_, numbers) : template_->request(link->number(), numbers);
        return fresh;
    }
    /// `forced`: the pool ends all workers.
    WorkerLink& add(Links& fresh, bool forced) noexcept {
        CONCURRENT_FUTURES_ASSERT(rule_.writable());
        WorkerLink& link = *fresh.front();
        if (forced) link.process.send_signal(SIGKILL);
        links_.splice(links_.end(), fresh);
        return link;
    }

    // Their end.

    int template_socket() const noexcept { return template_ ? template_->socket() : -1; }
    /// What the template says of starts and ends. False: it has died, and its workers with it.
    bool read_template(bool forced);
    /// The process has ended, or may have. A template's child is reported by the template.
    void note_exit(WorkerLink& link) {
        CONCURRENT_FUTURES_ASSERT(rule_.writable());
        if (link.life.is_reaped()) return;
        if (!spawns_) {
            if (link.process.watch_fd() >= 0) link.life.note_exit();
        } else if (const std::optional<ExitStatus> status = link.process.try_reap()) {
            link.life.note_reaped(*status);
        }
    }
    /// It is kept until take_removed(): other threads may look at it, and calls may go with it.
    void remove(WorkerLink& link) noexcept {
        CONCURRENT_FUTURES_ASSERT(rule_.writable());
        const auto place =
            std::find_if(links_.begin(), links_.end(), [&](const auto& each) { return each.get() == &link; });
        CONCURRENT_FUTURES_ASSERT(place != links_.end() && link.life.is_reaped());
        removed_.splice(removed_.end(), links_, place);
    }
    bool has_removed() const noexcept { return !removed_.empty(); }
    /// Those that no thread looks at, to be destroyed without the mutex.
    Links take_removed() noexcept {
        CONCURRENT_FUTURES_ASSERT(rule_.writable());
        Links gone;
        for (auto place = removed_.begin(); place != removed_.end();) {
            const auto next = std::next(place);
            if ((*place)->watchers == 0) gone.splice(gone.end(), removed_, place);
            place = next;
        }
        return gone;
    }
    void kill_template() noexcept { template_->kill(); }
    /// At the end of the pool.
    void stop_template() noexcept {
        if (template_) template_->stop();
        template_.reset();
    }
    /// There are no workers any more: other pools may have their part of the limit of processes.
    void give_back_share() noexcept { share_.give_back(); }

  private:
    /// The lowest one that no worker has whose process may exist.
    std::size_t free_index() const noexcept {
        for (std::size_t index = 0;; ++index)
            if (std::none_of(links_.begin(), links_.end(), [&](const auto& each) { return each->index == index; }))
                return index;
    }
    void note_template_message(Reception& received, bool forced);

    const LockRule& rule_;
    const bool spawns_;
    ProcessTreeShare share_;  // until there are no workers any more
    const std::vector<std::string> environment_;
    const ByteBuffer configuration_;
    std::optional<TemplateProcess> template_;
    Links links_;
    Links removed_;
    std::uint32_t last_number_ = 0;  // wraps around after 2^32 starts: those of living workers differ
};

inline bool WorkerSet::read_template(bool forced) {
    CONCURRENT_FUTURES_ASSERT(rule_.writable());
    for (;;) {
        Reception reception = template_->receive();
        if (reception.kind == IoResult::Kind::would_block) return true;
        if (reception.kind != IoResult::Kind::moved) break;
        note_template_message(reception, forced);
    }
    // Its workers die with it; how they ended cannot be learned any more.
    template_->close_socket();
    for (const auto& link : links_) {
        link->process.send_signal(SIGKILL);
        link->life.complain("the template process, its parent, died");
        if (!link->life.is_reaped()) link->life.note_reaped({});
    }
    return false;
}

inline void WorkerSet::note_template_message(Reception& received, bool forced) {
    const TemplateMessage& message = received.message;
    for (const auto& link : links_) {
        if (message.kind == TemplateMessage::Kind::forked && link->number() == message.number) {
            if (message.pid < 0) {
                link->life.complain(std::string("fork failed: ") + std::strerror(message.error));
                if (!link->life.is_reaped()) link->life.note_reaped({});
                return;
            }
            link->process = ProcessHandle(message.pid, std::move(received.descriptors.front()));
            if (forced) link->process.send_signal(SIGKILL);
            return;
        }
        if (message.kind == TemplateMessage::Kind::exited && link->process.pid() == message.pid &&
            !link->life.is_reaped()) {
            ExitStatus status;
            if (message.exit_code >= 0) status.exit_code = message.exit_code;
            if (message.signal >= 0) status.signal = message.signal;
            status.peak_memory = message.peak_memory;
            link->life.note_reaped(status);
            return;
        }
    }
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
