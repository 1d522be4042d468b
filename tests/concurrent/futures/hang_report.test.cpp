// SPDX-License-Identifier: MIT
#include <concurrent/futures/hang_report.hpp>
#include <concurrent/futures/process_pool_executor.hpp>
#include <concurrent/futures/thread_pool_executor.hpp>

#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <fstream>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "support/eventually.hpp"
#include "support/gate.hpp"
#include "support/process_log.hpp"
#include "support/processes.hpp"

namespace cf = concurrent::futures;
using namespace std::chrono_literals;

namespace {

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

/// Reports, as they are written.
class Written {
  public:
    std::function<void(const std::string&)> writer() {
        return [this](const std::string& report) {
            const std::lock_guard lock(mutex_);
            reports_.push_back(report);
        };
    }
    std::size_t count() const {
        const std::lock_guard lock(mutex_);
        return reports_.size();
    }
    std::string last() const {
        const std::lock_guard lock(mutex_);
        return reports_.empty() ? "" : reports_.back();
    }

  private:
    mutable std::mutex mutex_;
    std::vector<std::string> reports_;
};

int stay(const std::string& gate) {
    support::wait_at_gate(gate);
    return 1;
}

std::size_t lines_in(const std::string& path) {
    std::ifstream file(path);
    std::size_t lines = 0;
    for (std::string line; std::getline(file, line);) ++lines;
    return lines;
}
int die_once_and_stay(const std::string& log, const std::string& gate) {
    support::append_line(log, "started");
    if (lines_in(log) == 1) std::raise(SIGKILL);
    return stay(gate);
}

TEST_CASE("a hang report says which task runs, which waits, and what threads wait for", "[hang_report]") {
    cf::HangReport report({.after = {}});
    cf::ThreadPoolExecutor pool({.max_workers = 1, .thread_name_prefix = "loader", .observer = report.observer()});
    std::promise<void> gate;
    cf::Future<int> inner;
    std::promise<void> outer_waits;
    cf::Future<int> outer = pool.submit({.name = "outer"}, [&, open = gate.get_future().share()] {
        outer_waits.set_value();
        open.wait();
        return 1;
    });
    inner = pool.submit({.name = "inner"}, [] { return 2; });
    cf::Future<int> after_inner = inner.then([](int n) { return n + 1; });
    outer_waits.get_future().wait();
    std::thread waits_for_one([&] { static_cast<void>(outer.result()); });
    std::thread waits_for_more([&] { static_cast<void>(after_inner.result()); });
    CHECK(support::eventually([&] {
        const std::string text = report.text();
        return has(text, "waits for \"outer\" of loader for ") && has(text, "waits for \"inner\" of loader for ");
    }));
    const std::string text = report.text();
    INFO(text);
    CHECK(has(text, "concurrent::futures: hang report of process "));
    CHECK(has(text, ": no task has started or ended for "));
    CHECK(has(text, "loader (threads, at most 1 workers): 1 running, 1 waiting\n"));
    CHECK(has(text, "  \"outer\" runs for "));
    CHECK(has(text, "  \"inner\" waits for a worker for "));
    gate.set_value();
    waits_for_one.join();
    waits_for_more.join();
    CHECK(support::eventually([&] { return has(report.text(), ": no tasks\n"); }));
    CHECK_FALSE(has(report.text(), "waits for"));
}

TEST_CASE("a hang report says what a task waits for", "[hang_report]") {
    cf::HangReport report({.after = {}});
    cf::ThreadPoolExecutor pool({.max_workers = 1, .observer = report.observer()});
    cf::ThreadPoolExecutor others({.max_workers = 1, .thread_name_prefix = "others", .observer = report.observer()});
    std::promise<void> gate;
    cf::Future<void> held = others.submit({.name = "held"}, [open = gate.get_future().share()] { open.wait(); });
    cf::Future<void> outer = pool.submit({.name = "outer"}, [&] { held.result(); });
    CHECK(support::eventually([&] {
        const std::string text = report.text();
        const std::size_t line = text.find("\"outer\" runs for ");
        return line != std::string::npos &&
               has(text.substr(line, text.find('\n', line) - line), ", which waits for \"held\" of others for ");
    }));
    gate.set_value();
    outer.result();
}

TEST_CASE("a hang report leaves out tasks that are cancelled", "[hang_report]") {
    cf::HangReport report({.after = {}});
    cf::ThreadPoolExecutor pool({.max_workers = 1, .thread_name_prefix = "loader", .observer = report.observer()});
    std::promise<void> gate, runs;
    cf::Future<void> held = pool.submit({.name = "held"}, [&, open = gate.get_future().share()] {
        runs.set_value();
        open.wait();
    });
    runs.get_future().wait();
    cf::Future<int> dropped = pool.submit({.name = "dropped"}, [] { return 1; });
    CHECK(has(report.text(), "1 running, 1 waiting\n"));
    CHECK(dropped.cancel());
    const std::string text = report.text();
    INFO(text);
    CHECK(has(text, "1 running, 0 waiting\n"));
    CHECK_FALSE(has(text, "dropped"));
    gate.set_value();
    held.result();
}

TEST_CASE("a hang report does not say that a task of a killed worker still runs", "[hang_report]") {
    cf::HangReport report({.after = {}});
    support::ProcessGate gate;
    const support::ProcessLog log;
    cf::ProcessPoolExecutor pool({.max_workers = 1, .observer = report.observer()});
    cf::Future<int> task = pool.submit({.name = "again", .retries = 1}, die_once_and_stay, log.path(), gate.path());
    log.wait_for(2);  // it runs for the second time
    CHECK(support::eventually([&] { return has(report.text(), "  \"again\" was submitted again "); }));
    const std::string text = report.text();
    INFO(text);
    CHECK(has(text, "1 running or waiting\n"));
    CHECK_FALSE(has(text, "\"again\" runs for"));
    gate.open();
    CHECK(task.result() == 1);
}

TEST_CASE("a hang report lists the first of many tasks, and those of processes", "[hang_report]") {
    cf::HangReport report({.after = {}});
    support::ProcessGate gate;
    cf::ProcessPoolExecutor pool({.max_workers = 1, .observer = report.observer()});
    std::vector<cf::Future<int>> tasks;
    for (int i = 0; i < 50; ++i) tasks.push_back(pool.submit({.name = "part " + std::to_string(i)}, stay, gate.path()));
    const std::string text = report.text();
    INFO(text);
    CHECK(has(text, "(processes, at most 1 workers): 50 running or waiting\n"));
    CHECK(has(text, "  \"part 18\" was submitted "));
    CHECK_FALSE(has(text, "\"part 19\""));
    CHECK(has(text, "  and 31 more\n"));
    gate.open();
    for (auto& task : tasks) CHECK(task.result() == 1);
}

TEST_CASE("a hang report is written when nothing goes on for the given time", "[hang_report]") {
    Written written;
    cf::HangReport report({.after = 1ms, .write = written.writer()});
    cf::ThreadPoolExecutor pool({.max_workers = 1, .observer = report.observer()});
    for (std::size_t round = 1; round <= 2; ++round) {
        std::promise<void> gate;
        cf::Future<void> task = pool.submit({.name = "round " + std::to_string(round)},
                                            [open = gate.get_future().share()] { open.wait(); });
        CHECK(support::eventually([&] { return has(written.last(), "\"round " + std::to_string(round) + "\" runs for "); }));
        gate.set_value();
        task.result();
    }
}

TEST_CASE("a hang report whose write throws does no harm", "[hang_report]") {
    std::atomic<int> written{0};
    cf::HangReport report({.after = 1ms, .write = [&](const std::string&) {
                               ++written;
                               throw std::runtime_error("expected");
                           }});
    cf::ThreadPoolExecutor pool({.max_workers = 1, .observer = report.observer()});
    for (int round = 1; round <= 2; ++round) {
        std::promise<void> gate;
        const int so_far = written;
        cf::Future<void> task = pool.submit([open = gate.get_future().share()] { open.wait(); });
        CHECK(support::eventually([&] { return written > so_far; }));
        gate.set_value();
        task.result();
    }
}

#if !CONCURRENT_FUTURES_TSAN  // which does not follow a fork of a process with threads
TEST_CASE("a hang report may be destroyed in a fork of the program", "[hang_report]") {
    auto report = std::make_unique<cf::HangReport>();
    const pid_t child = ::fork();
    if (child == 0) {
        report.reset();
        ::_exit(7);
    }
    int status = 0;
    REQUIRE(support::wait_for_end(child, &status) == child);
    CHECK(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 7);
}
#endif

#if defined(SIGUSR2)
TEST_CASE("a hang report is written on a signal", "[hang_report]") {
    Written written;
    const auto before = std::signal(SIGUSR2, SIG_IGN);
    {
        cf::HangReport report({.after = {}, .signal = SIGUSR2, .write = written.writer()});
        CHECK_THROWS_AS(cf::HangReport({.signal = SIGUSR2}), std::invalid_argument);
        std::raise(SIGUSR2);
        CHECK(support::eventually([&] { return has(written.last(), ": no tasks\n"); }));
    }
    CHECK(std::signal(SIGUSR2, before) == SIG_IGN);
    CHECK_THROWS_AS(cf::HangReport({.signal = SIGKILL}), std::invalid_argument);
    CHECK_THROWS_AS(cf::HangReport({.signal = 1000}), std::invalid_argument);
    CHECK_THROWS_AS(cf::HangReport({.signal = -1}), std::invalid_argument);
    CHECK_THROWS_AS(cf::HangReport({.after = 0ms}), std::invalid_argument);
}
#endif

}  // namespace
