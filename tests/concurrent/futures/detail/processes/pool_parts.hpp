// SPDX-License-Identifier: MIT
//
// pool_parts.hpp: the tables of a process pool with workers that are no processes, for tests of the engine's parts. The
// test plays the worker.
//
//     parts::Pool pool;
//     WorkerLink& worker = pool.add_worker();
//     pool.submit(task);                                  // or: REQUIRE(pool.run(worker, task))
//     parts::say(worker, FrameType::result, task, bytes);
#pragma once

#include <concurrent/futures/detail/processes/deadline_enforcer.hpp>
#include <concurrent/futures/detail/processes/dispatcher.hpp>
#include <concurrent/futures/detail/processes/pool_tables.hpp>
#include <concurrent/futures/detail/processes/result_reader.hpp>
#include <concurrent/futures/detail/processes/worker_deaths.hpp>
#include <array>
#include <cstddef>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "concurrent/futures/detail/processes/recorded_task.hpp"

namespace parts {

using namespace concurrent::futures::detail;

struct Pool {
    explicit Pool(ProcessSettings settings = {.max_workers = 4}) : tables(std::move(settings), ProcessTreeShare()) {}

    PoolTables tables;
    ResultReader reader{tables};
    WorkerDeaths deaths{tables, reader};
    DeadlineEnforcer deadlines{tables, reader};
    Dispatcher dispatcher{tables, reader};
    std::uint32_t workers = 0;

    WorkerLink& add_worker(bool ready = true) {
        WorkerLink::Ends ends;
        WorkerSet::Links fresh;
        fresh.push_back(std::make_unique<WorkerLink>(++workers, nullptr, ends));
        WorkerLink& link = tables.workers.add(fresh, false);
        if (ready) link.life.note_ready();
        return link;
    }
    void submit(RemoteTask& task) {
        tables.queue.intake.push(task, concurrent::futures::Priority::normal);
        tables.queue.collect();
    }
    /// Submits the task, and the worker starts it. False: it cannot.
    bool run(WorkerLink& worker, RemoteTask& task) {
        submit(task);
        dispatcher.dispatch(0);
        return task.stage == RemoteTask::Stage::sent && worker.page().start(task.slot, task.id);
    }
    void deliver() {
        tables.completions.deliver_all([this](std::string why) { start_failures.push_back(std::move(why)); });
    }
    std::vector<std::string> start_failures;
};

/// One worker and three tasks: one runs, one was sent and has not started, one waits in the queue.
struct ThreeTasks : Pool {
    ThreeTasks() {
        for (std::size_t i = 0; i < tasks.size(); ++i) {
            if (i == 2) dispatcher.dispatch(0);
            submit(tasks[i]);
        }
        if (!worker.page().start(tasks[0].slot, tasks[0].id) || worker.tasks.in_flight() != 2 || tables.queue.waiting() != 1)
            throw std::logic_error("the tasks are not where they are to be");
    }

    WorkerLink& worker = add_worker();
    std::array<recorded::Task, 3> tasks;
};

/// What a worker writes into its ring.
inline void write(WorkerLink& worker, std::span<const std::byte> bytes) {
    RingWriter writer(static_cast<WorkerPage*>(static_cast<void*>(&worker.page()))->results);
    writer.write(bytes);
    writer.publish();
}

/// One message about this task.
inline void say(WorkerLink& worker, FrameType type, const RemoteTask& task, const ByteBuffer& body = {}) {
    ByteBuffer frame;
    append_frame(frame, make_header(type, body.size(), task.id, task.slot), body.bytes());
    write(worker, frame.bytes());
}

inline ByteBuffer encoded(int value) {
    concurrent::futures::Encoder encoder;
    encoder.encode(value);
    return std::move(encoder).take();
}

}  // namespace parts
