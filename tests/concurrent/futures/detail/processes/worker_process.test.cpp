// SPDX-License-Identifier: MIT
//
// What a worker does with the messages that it gets. The worker is a fork of the test, which plays the pool.
#include <concurrent/futures/detail/processes/worker_process.hpp>

#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <concurrent/futures/detail/platform/forked_process.hpp>
#include <concurrent/futures/detail/processes/process_settings.hpp>
#include <concurrent/futures/detail/processes/worker_configuration.hpp>
#include <concurrent/futures/detail/processes/worker_link.hpp>
#include <concurrent/futures/detail/wire/remote_call.hpp>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "concurrent/futures/detail/processes/recorded_task.hpp"

namespace {

using namespace concurrent::futures::detail;

struct Reply {
    FrameType type;
    std::uint64_t task;
    std::vector<std::byte> body;

    std::string text() const {
        concurrent::futures::Decoder decoder{body};
        return decoder.decode<std::string>();
    }
    /// Of an exception.
    std::string what() const {
        concurrent::futures::Decoder decoder{body};
        try {
            std::rethrow_exception(decode_exception(decoder, 0));
        } catch (const std::exception& error) {
            return error.what();
        }
    }
};

// In the worker: the descriptor of its page that it got, and what is behind it.
int page_number = -1;
struct stat page_file {};

class Worker {
  public:
    /// `output`: where it writes its standard output to; its process then ends without exit().
    explicit Worker(const ByteBuffer& configuration, int output = -1) {
        WorkerLink::Ends ends;
        link_.emplace(1, nullptr, ends);
        flush_standard_streams();
        const pid_t parent = ::getpid();
        const pid_t pid = fork_process();
        if (pid == 0) {
            link_->pipes().close_tasks();  // else it would not see the end of the pipe
            link_->pipes().close_results();
            WorkerChannel channel{std::move(ends.tasks), std::move(ends.results),  std::move(ends.page),
                                  std::move(ends.calls), std::move(ends.payloads), std::move(ends.memory)};
            page_number = channel.page.get();
            ::fstat(page_number, &page_file);
            if (output >= 0) {
                ::dup2(output, STDOUT_FILENO);
                ::_exit(run_worker(std::move(channel), parent, end_forked_process));
            }
            end_forked_process(run_worker(std::move(channel), parent, end_forked_process));
        }
        REQUIRE(pid > 0);
        link_->process = ProcessHandle(pid, FileDescriptor());
        link_->queue_frame(make_header(FrameType::configure, configuration.size()), configuration.bytes());
        send();
    }
    Worker(const Worker&) = delete;
    Worker& operator=(const Worker&) = delete;
    ~Worker() {
        if (ended_) return;
        link_->process.send_signal(SIGKILL);
        end();
    }

    WorkerLink& link() { return *link_; }
    void give(RemoteTask& task) {
        link_->give(task);
        send();
    }
    void tell_to_leave() {
        link_->stop();
        send();
    }
    void send() {
        link_->flush();
        link_->ring();
    }
    Reply reply() {
        while (replies_.empty()) {
            link_->expect_news();
            if (!link_->has_news()) {
                pollfd pipe{link_->pipes().result_fd(), POLLIN, 0};
                ::poll(&pipe, 1, -1);
                REQUIRE((link_->pipes().take_wake_ups() || link_->has_news()));
            }
            link_->read_frames([this](const Frame& frame) {
                const auto body = frame.body.bytes();
                replies_.push_back({frame.header.type, frame.header.task, {body.begin(), body.end()}});
            });
        }
        Reply next = std::move(replies_.front());
        replies_.pop_front();
        return next;
    }
    /// Its exit code, when it has ended.
    int end() {
        ended_ = true;
        return link_->process.reap().exit_code.value_or(-1);
    }

  private:
    std::optional<WorkerLink> link_;
    std::deque<Reply> replies_;
    bool ended_ = false;
};

std::string greeting = "not initialized";
void initialize(std::string word) { greeting = word; }
std::string greet(std::string name) { return greeting + ", " + name; }
void fail(std::string why) { throw std::runtime_error(why); }

ByteBuffer configuration(ByteBuffer initializer = {}) {
    ProcessSettings settings;
    settings.initializer = std::move(initializer);
    return configuration_of(settings);
}

TEST_CASE("a worker is ready after its initializer, runs a task, and leaves when it is told to", "[worker_process]") {
    Worker worker(configuration(encode_call(initialize, std::string("hello"))));
    CHECK(worker.reply().type == FrameType::ready);
    recorded::Task task(encode_call(greet, std::string("worker")));
    task.id = 17;
    worker.give(task);
    const Reply result = worker.reply();
    CHECK((result.type == FrameType::result && result.task == 17 && result.text() == "hello, worker"));
    CHECK(worker.link().page().state(task.slot, task.id) == SlotState::done);
    CHECK(worker.link().page().started(task.slot) > 0);
    worker.tell_to_leave();
    CHECK(worker.end() == EXIT_SUCCESS);
}

TEST_CASE("a worker sends what a task throws, skips a task that was revoked, and goes on", "[worker_process]") {
    Worker worker(configuration());
    REQUIRE(worker.reply().type == FrameType::ready);
    recorded::Task fails(encode_call(fail, std::string("no")));
    recorded::Task revoked(encode_call(greet, std::string("nobody")));
    recorded::Task last(encode_call(greet, std::string("you")));
    fails.id = 1;
    revoked.id = 2;
    last.id = 3;
    worker.give(fails);
    const Reply thrown = worker.reply();
    CHECK((thrown.type == FrameType::exception && thrown.task == 1 && thrown.what() == "no"));
    worker.link().give(revoked);
    REQUIRE(worker.link().try_revoke(revoked));
    worker.give(last);
    const Reply skipped = worker.reply();
    CHECK((skipped.type == FrameType::skipped && skipped.task == 2));
    CHECK(worker.reply().text() == "not initialized, you");
}

TEST_CASE("a worker whose initializer throws says so and ends", "[worker_process]") {
    Worker worker(configuration(encode_call(fail, std::string("no licence"))));
    const Reply reply = worker.reply();
    CHECK((reply.type == FrameType::start_failed && reply.what() == "no licence"));
    CHECK(worker.end() == EXIT_FAILURE);
}

TEST_CASE("a worker that is another program than the pool says so and ends", "[worker_process]") {
    concurrent::futures::Encoder encoder;
    encode_configuration(encoder, {program_identity() + 1, 0, {}, {}, {}});
    Worker worker(std::move(encoder).take());
    const Reply reply = worker.reply();
    CHECK(reply.type == FrameType::start_failed);
    CHECK(reply.what().find("another program") != std::string::npos);
    CHECK(worker.end() == EXIT_FAILURE);
}

TEST_CASE("a worker leaves when the pool has closed its pipe", "[worker_process]") {
    Worker worker(configuration());
    REQUIRE(worker.reply().type == FrameType::ready);
    worker.link().pipes().close_tasks();
    CHECK(worker.end() == EXIT_SUCCESS);
}

bool has_page_open() {
    struct stat now {};
    return ::fstat(page_number, &now) == 0 && now.st_dev == page_file.st_dev && now.st_ino == page_file.st_ino;
}

TEST_CASE("a worker keeps no descriptor of its page, which is mapped", "[worker_process]") {
    Worker worker(configuration());
    REQUIRE(worker.reply().type == FrameType::ready);
    recorded::Task task(encode_call(has_page_open));
    worker.give(task);
    const Reply reply = worker.reply();
    concurrent::futures::Decoder decoder{reply.body};
    CHECK((reply.type == FrameType::result && !decoder.decode<bool>()));
}

int write_some(std::string text) { return std::fputs(text.c_str(), stdout); }

TEST_CASE("what tasks have written is out of the buffers when a worker leaves, however its process ends", "[worker_process]") {
    Pipe output = make_pipe();
    Worker worker(configuration(), output.write_end.get());
    output.write_end.reset();
    REQUIRE(worker.reply().type == FrameType::ready);
    recorded::Task task(encode_call(write_some, std::string("some text")));
    worker.give(task);
    CHECK(worker.reply().type == FrameType::result);
    worker.tell_to_leave();
    CHECK(worker.end() == EXIT_SUCCESS);
    char text[64];
    const ssize_t size = ::read(output.read_end.get(), text, sizeof text);
    CHECK(std::string(text, size > 0 ? static_cast<std::size_t>(size) : 0) == "some text");
}

}  // namespace
