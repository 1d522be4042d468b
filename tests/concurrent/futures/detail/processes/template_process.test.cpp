// SPDX-License-Identifier: MIT
//
// The process that forks workers. The test plays the pool; the workers are real, and get no tasks.
#include <concurrent/futures/detail/processes/template_process.hpp>

#include <poll.h>

#include <catch2/catch_test_macros.hpp>
#include <concurrent/futures/detail/processes/worker_link.hpp>
#include <cerrno>
#include <csignal>
#include <fstream>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>

namespace {

using namespace concurrent::futures::detail;
using Kind = TemplateMessage::Kind;

class Template {
  public:
    Template() : process_(0) {}
    Template(const Template&) = delete;
    Template& operator=(const Template&) = delete;
    ~Template() { process_.stop(); }

    TemplateProcess& process() { return process_; }
    /// The next message, or the end of the socket.
    Reception next() {
        for (;;) {
            pollfd entry{process_.socket(), POLLIN, 0};
            ::poll(&entry, 1, -1);
            Reception reception = process_.receive();
            if (reception.kind != IoResult::Kind::would_block) return reception;
        }
    }

  private:
    TemplateProcess process_;
};

/// One worker that a template has been asked for.
struct Worker {
    Worker(Template& parent, std::uint32_t number, std::size_t descriptors = worker_descriptors) {
        WorkerLink::Ends ends;
        link.emplace(number, nullptr, ends);
        const auto numbers = ends.numbers();
        process = parent.process().request(number, std::span(numbers).first(descriptors));
    }
    std::optional<WorkerLink> link;
    ProcessHandle process;
};

/// -1: there is none, or the system does not tell.
pid_t child_of(pid_t parent) {
    if (parent <= 0) return -1;
    const std::string number = std::to_string(parent);
    std::ifstream children("/proc/" + number + "/task/" + number + "/children");
    pid_t child = -1;
    return children >> child ? child : -1;
}

/// Waits for a message of the template about its first worker, which has not been asked for.
void take_news_of_first(Template& parent) {
    pollfd entry{parent.process().socket(), POLLIN, 0};
    while (::poll(&entry, 1, -1) < 0 && errno == EINTR) {
    }
    CHECK(parent.process().receive().kind == IoResult::Kind::would_block);
}

/// Waits for the end of a process.
bool ends(const FileDescriptor& pidfd) {
    pollfd entry{pidfd.get(), POLLIN, 0};
    while (::poll(&entry, 1, -1) < 0 && errno == EINTR) {
    }
    return (entry.revents & POLLIN) != 0;
}

TEST_CASE("a template forks a worker for each request, and says which process it is", "[template_process]") {
    Template parent;
    const Worker first(parent, 7), second(parent, 8);
    const Reception one = parent.next(), other = parent.next();
    REQUIRE((one.kind == IoResult::Kind::moved && other.kind == IoResult::Kind::moved));
    CHECK((one.message.kind == Kind::forked && one.message.number == 7 && one.message.pid > 0));
    CHECK((other.message.kind == Kind::forked && other.message.number == 8 && other.message.pid > 0));
    CHECK(one.message.pid != other.message.pid);
}

TEST_CASE("a template says how its worker ended", "[template_process]") {
    Template parent;
    const Worker worker(parent, 1);
    const Reception started = parent.next();
    REQUIRE((started.message.kind == Kind::forked && started.message.pid > 0));
    REQUIRE(::kill(started.message.pid, SIGKILL) == 0);
    const Reception ended = parent.next();
    REQUIRE(ended.kind == IoResult::Kind::moved);
    CHECK((ended.message.kind == Kind::exited && ended.message.pid == started.message.pid));
    CHECK((ended.message.signal == SIGKILL && ended.message.exit_code == -1));
}

TEST_CASE("a worker whose descriptors did not arrive is reported as not forked, and why", "[template_process]") {
    Template parent;
    const Worker first(parent, 4);
    REQUIRE(parent.next().message.pid > 0);
    const Worker incomplete(parent, 5, worker_descriptors - 1);
    const Reception answer = parent.next();
    REQUIRE(answer.kind == IoResult::Kind::moved);
    CHECK((answer.message.kind == Kind::forked && answer.message.number == 5));
    CHECK((answer.message.pid == -1 && answer.message.error == EMFILE));
    const Worker complete(parent, 6);
    CHECK(parent.next().message.pid > 0);
}

TEST_CASE("the first worker whose descriptors did not arrive is reported as not forked, too", "[template_process]") {
    Template parent;
    const Worker incomplete(parent, 5, worker_descriptors - 1);
    const Reception one = parent.next(), other = parent.next();
    const bool in_order = one.message.pid > 0;  // it may be quicker than the news of its process
    const TemplateMessage& started = (in_order ? one : other).message;
    const TemplateMessage& failed = (in_order ? other : one).message;
    CHECK((started.kind == Kind::forked && started.number == 5 && started.pid > 0));
    CHECK((failed.kind == Kind::forked && failed.number == 5 && failed.pid == -1 && failed.error == EMFILE));
    const Reception ended = parent.next();
    CHECK((ended.message.kind == Kind::exited && ended.message.pid == started.pid));
}

TEST_CASE("the first worker is there before it is asked for, and its process known", "[template_process]") {
    Template parent;
    take_news_of_first(parent);
    const Worker worker(parent, 9);
    REQUIRE(worker.process.pid() > 0);
    worker.process.send_signal(SIGKILL);
    const Reception ended = parent.next();
    CHECK((ended.message.kind == Kind::exited && ended.message.pid == worker.process.pid()));
    const Worker next(parent, 10);
    CHECK(next.process.pid() == -1);
    CHECK(parent.next().message.number == 10);
}

TEST_CASE("a first worker that has died before it was asked for is replaced", "[template_process]") {
    Template parent;
    take_news_of_first(parent);
    const pid_t first = child_of(child_of(::getpid()));
    if (first <= 0) return;  // the system does not tell
    REQUIRE(::kill(first, SIGKILL) == 0);
    take_news_of_first(parent);
    const Worker worker(parent, 3);
    const Reception started = parent.next();
    CHECK((started.message.kind == Kind::forked && started.message.number == 3 && started.message.pid > 0));
}

TEST_CASE("the end of a template is the end of its socket, and of its workers", "[template_process]") {
    Template parent;
    const Worker worker(parent, 1);
    const Reception started = parent.next();
    REQUIRE(started.message.pid > 0);
    const FileDescriptor watch = open_pidfd(started.message.pid);
    parent.process().kill();
    CHECK(parent.next().kind == IoResult::Kind::closed);
    if (watch) CHECK(ends(watch));
    CHECK_THROWS_AS(Worker(parent, 2), std::runtime_error);
}

TEST_CASE("a template that is stopped takes along a first worker that nobody has asked for", "[template_process]") {
    FileDescriptor watch;
    {
        Template parent;
        take_news_of_first(parent);
        if (const pid_t first = child_of(child_of(::getpid())); first > 0) watch = open_pidfd(first);
    }
    if (watch) CHECK(ends(watch));
}

TEST_CASE("a template that is stopped takes its workers along", "[template_process]") {
    FileDescriptor watch;
    {
        Template parent;
        const Worker worker(parent, 1);
        const Reception started = parent.next();
        REQUIRE(started.message.pid > 0);
        watch = open_pidfd(started.message.pid);
    }
    if (watch) CHECK(ends(watch));
}

}  // namespace
