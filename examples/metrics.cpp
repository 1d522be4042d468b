// SPDX-License-Identifier: MIT
//
// Lesson: metrics of a pool as the text that Prometheus scrapes; serve it from your HTTP server's /metrics.
//
// Run: build/quickstart/examples/metrics
// Prints (the test compares it):
//     # TYPE pool_tasks_total counter
//     pool_tasks_total{pool="thumbnails",outcome="completed"} 97
//     pool_tasks_total{pool="thumbnails",outcome="failed"} 3
//     pool_tasks_total{pool="thumbnails",outcome="cancelled"} 0
//     # TYPE pool_tasks gauge
//     pool_tasks{pool="thumbnails",state="pending"} 0
//     pool_tasks{pool="thumbnails",state="running"} 0
//     # TYPE pool_workers gauge
//     pool_workers{pool="thumbnails",state="all"} 2
//     pool_workers{pool="thumbnails",state="most"} 2
//     # TYPE pool_worker_restarts_total counter
//     pool_worker_restarts_total{pool="thumbnails"} 0
#include <concurrent/futures.hpp>
#include <cstddef>
#include <iostream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace cf = concurrent::futures;

int shrink(int image) {
    if (image % 40 == 1) throw std::runtime_error("not an image");
    return image / 2;
}

/// stats() may be called at any time, from any thread.
std::string metrics(const std::string& name, const auto& pool) {
    const cf::ExecutorStats now = pool.stats();
    std::ostringstream text;
    const auto line = [&](const char* metric, const std::string& label, std::size_t value) {
        text << metric << "{pool=\"" << name << '"' << label << "} " << value << '\n';
    };
    text << "# TYPE pool_tasks_total counter\n";
    line("pool_tasks_total", ",outcome=\"completed\"", now.completed);
    line("pool_tasks_total", ",outcome=\"failed\"", now.failed);
    line("pool_tasks_total", ",outcome=\"cancelled\"", now.cancelled);
    text << "# TYPE pool_tasks gauge\n";
    line("pool_tasks", ",state=\"pending\"", now.pending);
    line("pool_tasks", ",state=\"running\"", now.running);
    text << "# TYPE pool_workers gauge\n";
    line("pool_workers", ",state=\"all\"", now.workers);
    line("pool_workers", ",state=\"most\"", pool.max_workers());
    text << "# TYPE pool_worker_restarts_total counter\n";
    line("pool_worker_restarts_total", "", now.worker_restarts);
    return text.str();
}

int main(int argc, char** argv) {
    cf::process_main(argc, argv);
    cf::ProcessPoolExecutor pool({.max_workers = 2});
    std::vector<cf::Future<int>> thumbnails;
    for (int image = 0; image < 100; ++image) thumbnails.push_back(pool.submit(shrink, image));
    cf::wait(thumbnails);
    pool.wait_idle();  // so that the numbers are always the same
    std::cout << metrics("thumbnails", pool);
}
