// SPDX-License-Identifier: MIT
//
// single_call_parts.hpp: what the parent of a Process prepares for its child, so that a test can be the parent.
//
//     calls::Order order(encode_call(twice, 3));
//     order.page().memory_limit = 1;
//     WorkerChannel channel = order.channel();            // in a fork: the child's
//     const auto numbers = order.descriptors();           // for a spawned child
#pragma once

#include <concurrent/futures/detail/platform/child_process.hpp>
#include <concurrent/futures/detail/platform/descriptor_socket.hpp>
#include <concurrent/futures/detail/platform/file_descriptor.hpp>
#include <concurrent/futures/detail/platform/shared_page.hpp>
#include <concurrent/futures/detail/processes/single_call.hpp>
#include <concurrent/futures/detail/processes/start_environment.hpp>
#include <concurrent/futures/detail/serialization/byte_buffer.hpp>
#include <fcntl.h>

#include <array>
#include <cstddef>
#include <cstring>
#include <new>
#include <string>
#include <utility>

namespace calls {

using namespace concurrent::futures::detail;

class Order {
  public:
    explicit Order(const ByteBuffer& call, const std::string& name = {})
        : memory_(call_offset + call.size() + name.size()) {
        ::new (memory_.memory()) SingleCallPage;
        page().program = program_identity();
        page().call_size = call.size();
        page().name_size = name.size();
        page().control.put(SingleCallPage::slot, SingleCallPage::task);
        auto* const bytes = static_cast<std::byte*>(memory_.memory()) + call_offset;
        std::memcpy(bytes, call.data(), call.size());
        if (!name.empty()) std::memcpy(bytes + call.size(), name.data(), name.size());
        Pipe line = make_pipe();
        auto sockets = make_descriptor_sockets();
        life_line_ = std::move(line.write_end);
        line_ = moved_up(std::move(line.read_end));
        socket_ = moved_up(std::move(sockets.second));  // nothing is ever sent: the other end is gone
        copy_ = moved_up(FileDescriptor(::fcntl(memory_.fd(), F_DUPFD_CLOEXEC, 10)));
    }

    SingleCallPage& page() noexcept { return *static_cast<SingleCallPage*>(memory_.memory()); }
    SlotState state() noexcept { return page().control.state(SingleCallPage::slot, SingleCallPage::task); }
    /// The parent ends.
    void cut_life_line() noexcept { life_line_.reset(); }
    /// In a forked child.
    WorkerChannel channel() {
        life_line_.reset();  // else the child would hold its own
        WorkerChannel channel;
        channel.tasks = std::move(line_);
        channel.page = std::move(copy_);
        channel.memory = std::move(socket_);
        return channel;
    }
    /// In the order in which process_main() expects them.
    std::array<int, worker_descriptors> descriptors() const noexcept {
        std::array<int, worker_descriptors> numbers;
        numbers.fill(copy_.get());
        numbers.front() = line_.get();
        numbers.back() = socket_.get();
        return numbers;
    }

  private:
    SharedPage memory_;
    FileDescriptor life_line_, line_, socket_, copy_;
};

}  // namespace calls
