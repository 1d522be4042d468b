// SPDX-License-Identifier: MIT
//
// The memory that a pool and one worker share.
#include <concurrent/futures/detail/processes/worker_page.hpp>

#include <unistd.h>

#include <array>
#include <catch2/catch_test_macros.hpp>
#include <concurrent/futures/detail/platform/file_descriptor.hpp>
#include <concurrent/futures/detail/platform/shared_page.hpp>
#include <cstddef>
#include <new>
#include <span>
#include <string>
#include <string_view>

#include "support/forked.hpp"

namespace {

using namespace concurrent::futures::detail;

void write(ByteRing& ring, std::string_view text) {
    RingWriter writer(ring);
    writer.write(std::as_bytes(std::span(text)));
    writer.publish();
}
std::string read(ByteRing& ring) {
    RingReader reader(ring);
    std::string text(reader.available(), ' ');
    reader.read(reinterpret_cast<std::byte*>(text.data()), text.size());
    reader.publish();
    return text;
}

TEST_CASE("what pool and worker write to all the time lies in cache lines of its own", "[worker_page]") {
    const auto line_of = [](std::size_t offset) { return offset / ByteRing::line; };
    const std::array lines{line_of(sizeof(ControlPage) - 1),
                           line_of(offsetof(WorkerPage, worker_bell)),
                           line_of(offsetof(WorkerPage, pool_bell)),
                           line_of(offsetof(WorkerPage, tasks) + offsetof(ByteRing, written)),
                           line_of(offsetof(WorkerPage, tasks) + offsetof(ByteRing, read)),
                           line_of(offsetof(WorkerPage, results) + offsetof(ByteRing, written)),
                           line_of(offsetof(WorkerPage, results) + offsetof(ByteRing, read))};
    for (std::size_t i = 1; i < lines.size(); ++i) CHECK(lines[i - 1] < lines[i]);
    CHECK(offsetof(WorkerPage, control) == 0);  // ControlPage is found by the page's address
}

TEST_CASE("a new page holds no task, no byte, and nobody who sleeps", "[worker_page]") {
    SharedPage memory(sizeof(WorkerPage));
    auto& page = *::new (memory.memory()) WorkerPage;
    CHECK((page.control.state(0, 1) == SlotState::free && page.control.first_peak() == 0));
    CHECK((page.control.hook_started() == 0 && page.control.last_words().text().empty()));
    CHECK((read(page.tasks).empty() && read(page.results).empty()));
    CHECK((!page.worker_bell.must_ring(Bell::bytes | Bell::room) && !page.pool_bell.must_ring(Bell::bytes | Bell::room)));
}

TEST_CASE("pool and worker write to each other over the page, and each sees that the other sleeps", "[worker_page]") {
    SharedPage memory(sizeof(WorkerPage));
    auto& page = *::new (memory.memory()) WorkerPage;
    page.control.put(5, 17);
    write(page.tasks, "a task");
    page.pool_bell.expect(Bell::bytes);
    const auto end = support::run_forked([&] {
        // Mapped anew, as a spawned worker has it.
        SharedPage mapped(FileDescriptor(::dup(memory.fd())), sizeof(WorkerPage));
        auto& same = *static_cast<WorkerPage*>(mapped.memory());
        if (read(same.tasks) != "a task" || !read(same.results).empty()) return 1;
        if (!same.control.start(5, 17)) return 2;
        write(same.results, "a result");
        same.control.end(5, 17);
        if (same.worker_bell.must_ring(Bell::bytes)) return 3;  // the worker does not sleep
        return same.pool_bell.must_ring(Bell::bytes) && !same.pool_bell.must_ring(Bell::bytes) ? 0 : 4;
    });
    CHECK(end.exit_code() == 0);
    CHECK(read(page.results) == "a result");
    CHECK(read(page.tasks).empty());
    CHECK(page.control.state(5, 17) == SlotState::done);
}

}  // namespace
