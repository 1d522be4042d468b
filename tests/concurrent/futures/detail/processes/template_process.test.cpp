// SPDX-License-Identifier: MIT
//
// The process that forks workers. The test plays the pool; the workers are real, and get no tasks.
#include <concurrent/futures/detail/processes/template_process.hpp>

#include <poll.h>

#include <catch2/catch_test_macros.hpp>
#include <concurrent/futures/detail/processes/worker_link.hpp>
#include <cerrno>
#include <csignal>
#include <optional>
#include <span>
#include <stdexcept>

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
        parent.process().request(number, std::span(numbers).first(descriptors));
    }
    std::optional<WorkerLink> link;
};

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
    const Worker incomplete(parent, 5, worker_descriptors - 1);
    const Reception answer = parent.next();
    REQUIRE(answer.kind == IoResult::Kind::moved);
    CHECK((answer.message.kind == Kind::forked && answer.message.number == 5));
    CHECK((answer.message.pid == -1 && answer.message.error == EMFILE));
    const Worker complete(parent, 6);
    CHECK(parent.next().message.pid > 0);
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
