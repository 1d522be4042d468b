// SPDX-License-Identifier: MIT
//
// hostile_worker.hpp: a call that makes its worker say what no worker should say.
//
//     auto call = pool.submit(Hostile(), Script().frame(FrameType::ready).raw("garbage").text());
//
// The script is played inside the call, in the worker, on the worker's own connection to the pool, and then
// the call returns 7 as if nothing had happened. Every string of bytes is a script, so that a fuzzer can write
// them. What depends on how a worker and its pool are connected is in send_to_pool().
#pragma once

#include <concurrent/futures/process_pool_executor.hpp>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace hostile {

using concurrent::futures::detail::ControlPage;
using concurrent::futures::detail::FrameHeader;
using concurrent::futures::detail::FrameType;
using concurrent::futures::detail::RingWriter;
using concurrent::futures::detail::SlotState;
using concurrent::futures::detail::StopLine;
using concurrent::futures::detail::WorkerPage;

/// A byte into the results pipe: the only one above 10 that is for writing.
inline void wake_pool() {
    for (int fd = 10; fd < 256; ++fd) {
        struct stat about{};
        if (::fstat(fd, &about) != 0 || !S_ISFIFO(about.st_mode) ||
            (::fcntl(fd, F_GETFL) & O_ACCMODE) != O_WRONLY)
            continue;
        ::signal(SIGPIPE, SIG_IGN);  // the pool may have heard enough; it says how this process dies
        static_cast<void>(::write(fd, "", 1));
        return;
    }
}

/// The control page, which begins with the request.
inline ControlPage* page_of(const StopLine& line) { return reinterpret_cast<ControlPage*>(line.request); }

/// What the worker would write there itself; the control page is the beginning of all that is shared.
inline void send_to_pool(const StopLine& line, std::string_view bytes) {
    auto& page = *reinterpret_cast<WorkerPage*>(page_of(line));
    RingWriter writer(page.results);
    for (auto left = std::as_bytes(std::span(bytes)); !left.empty(); std::this_thread::yield()) {
        left = left.subspan(writer.write(left));
        writer.publish();
        if (page.pool_bell.must_ring(concurrent::futures::detail::Bell::bytes)) wake_pool();
    }
}

enum class Step : unsigned char { frame, raw, flipped, cut, scribble, leave, wait_for_revoked, answer_revoked };

/// Whose slot and id a frame names.
enum class About : unsigned char { own, other_id, other_slot, far_slot, no_id };
/// What its header says of its body.
enum class Length : unsigned char { true_one, longer, terabytes, beyond };

class Script {
  public:
    Script& frame(FrameType type, About about = About::own, Length length = Length::true_one,
                  std::string_view body = {}) {
        return add(Step::frame, {static_cast<unsigned char>(type), static_cast<unsigned char>(about),
                                 static_cast<unsigned char>(length)},
                   body);
    }
    Script& raw(std::string_view bytes) { return add(Step::raw, {}, bytes); }
    /// A right result frame but for one bit of its header.
    Script& flipped(unsigned char bit) { return add(Step::flipped, {bit}, {}); }
    /// The first bytes of a right result frame.
    Script& cut(unsigned char size) { return add(Step::cut, {size}, {}); }
    /// Eight bytes of the control page.
    Script& scribble(unsigned char place, unsigned char value) { return add(Step::scribble, {place, value}, {}); }
    /// The page says of the running call that it has not started.
    Script& deny_start() { return add(Step::scribble, {255, 255}, {}); }
    Script& leave() { return add(Step::leave, {}, {}); }
    /// Until another call that this worker was sent is cancelled.
    Script& wait_for_revoked() { return add(Step::wait_for_revoked, {0xa5}, {}); }
    Script& answer_revoked() { return add(Step::answer_revoked, {}, {}); }

    std::string text() const { return bytes_; }

  private:
    Script& add(Step step, std::initializer_list<unsigned char> parameters, std::string_view body) {
        bytes_ += static_cast<char>(step);
        for (const unsigned char parameter : parameters) bytes_ += static_cast<char>(parameter);
        if (step == Step::frame || step == Step::raw) {
            bytes_ += static_cast<char>(body.size());
            bytes_ += body;
        }
        return *this;
    }
    std::string bytes_;
};

/// Reads a script, whatever it is.
class Player {
  public:
    Player(std::string_view script, const StopLine& line) : script_(script), line_(line) {
        while (slot_ < ControlPage::slot_count && page_of(line)->state(slot_, line.task) == SlotState::free) ++slot_;
    }
    void play() {
        while (!script_.empty()) step(static_cast<Step>(byte() % 8));
    }

  private:
    unsigned char byte() {
        if (script_.empty()) return 0;
        const char first = script_.front();
        script_.remove_prefix(1);
        return static_cast<unsigned char>(first);
    }
    std::string_view bytes() {
        const std::size_t size = byte();
        const std::string_view found = script_.substr(0, size);
        script_.remove_prefix(found.size());
        return found;
    }

    static std::string frame_of(FrameHeader header, std::string_view body) {
        header.check = header.computed_check();
        std::string text(sizeof header, '\0');
        std::memcpy(text.data(), &header, sizeof header);
        text += body;
        text.resize((text.size() + 15) / 16 * 16);
        return text;
    }
    FrameHeader header(FrameType type, std::size_t size) const {
        return concurrent::futures::detail::make_header(type, size, line_.task, slot_);
    }
    std::string result() const { return frame_of(header(FrameType::result, 4), std::string_view("\5\0\0\0", 4)); }

    void step(Step what) {
        switch (what) {
            case Step::frame: return send_frame();
            case Step::raw: return send_to_pool(line_, bytes());
            case Step::flipped: {
                std::string text = result();
                const unsigned char bit = byte();
                text[bit / 8] = static_cast<char>(text[bit / 8] ^ (1 << bit % 8));
                return send_to_pool(line_, text);
            }
            case Step::cut: return send_to_pool(line_, result().substr(0, byte() % 48));
            case Step::scribble: return scribble();
            case Step::leave: ::_exit(0);
            case Step::wait_for_revoked:
                if (byte() == 0xa5) find_revoked(true);
                return;
            case Step::answer_revoked:
                find_revoked(false);
                return send_to_pool(line_, frame_of(revoked_, std::string_view("\5\0\0\0", 4)));
        }
    }
    void send_frame() {
        const auto type = static_cast<FrameType>(byte());
        const auto about = static_cast<About>(byte() % 5);
        const auto length = static_cast<Length>(byte() % 4);
        const std::string_view body = bytes();
        FrameHeader head = header(type, body.size());
        if (about == About::other_id) head.task += 1000;
        if (about == About::other_slot) head.slot = static_cast<std::uint16_t>((slot_ + 1) % ControlPage::slot_count);
        if (about == About::far_slot) head.slot = 0xffff;
        if (about == About::no_id) head.task = 0;
        if (length == Length::longer) head.length += 16;
        if (length == Length::terabytes) head.length = std::uint64_t{1} << 45;
        if (length == Length::beyond) head.length = ~std::uint64_t{0};
        send_to_pool(line_, frame_of(head, body));
    }
    void scribble() {
        const std::size_t place = byte();
        const unsigned char value = byte();
        auto* const page = reinterpret_cast<unsigned char*>(page_of(line_));
        if (place == 255 && value == 255)
            page_of(line_)->put(slot_, line_.task);
        else
            std::memset(page + place * 8 % (sizeof(ControlPage) - 8), value, 8);
    }
    /// A header about a call that the pool has cancelled. Its id is among the next ones.
    void find_revoked(bool waits) {
        const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(waits ? 20 : 0);
        do {
            for (std::uint64_t id = line_.task; id < line_.task + 16; ++id)
                for (std::size_t slot = 0; slot < ControlPage::slot_count; ++slot)
                    if (page_of(line_)->state(slot, id) == SlotState::revoked)
                        revoked_ = concurrent::futures::detail::make_header(FrameType::result, 4, id, slot);
            std::this_thread::yield();
        } while (revoked_.task == 0 && std::chrono::steady_clock::now() < end);
    }

    std::string_view script_;
    const StopLine line_;
    std::size_t slot_ = 0;
    FrameHeader revoked_{};
};

struct Hostile {
    int operator()(const std::string&) const { return 0; }  // see RemoteCall below
};

}  // namespace hostile

/// Takes what the library does not tell calls: where the control page is.
template <>
struct concurrent::futures::detail::RemoteCall<hostile::Hostile,
                                               concurrent::futures::detail::ParameterList<std::string>> {
    using Result = int;
    static consteval void validate() {}
    static void encode(Encoder& encoder, const hostile::Hostile&, const std::string& script) {
        encode_location(encoder, RegisteredTask<RemoteCall>::location());
        encoder.encode(script);
    }
    static void run(Decoder& call, Encoder& result, const StopLine& line) {
        const auto script = call.decode<std::string>();
        hostile::Player(script, line).play();
        result.encode(7);
    }
};
