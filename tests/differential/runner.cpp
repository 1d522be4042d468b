// SPDX-License-Identifier: MIT
//
// Runs the programs of programs.py on our ThreadPoolExecutor and prints what it sees, one block for each,
// closed by a line "--".
#include <algorithm>
#include <chrono>
#include <concurrent/futures.hpp>
#include <functional>
#include <future>
#include <iostream>
#include <map>
#include <mutex>
#include <set>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

namespace cf = concurrent::futures;

struct Boom : std::runtime_error {
    using std::runtime_error::runtime_error;
};

using Futures = std::vector<cf::Future<int>>;

class Program {
  public:
    explicit Program(std::size_t workers) : workers_(workers), pool_(workers) {
        for (auto& gate : gates_) gate_futures_.push_back(gate.get_future().share());
    }

    void run(const std::string& line) {
        std::istringstream words(line);
        std::string word;
        words >> word;
        execute(word, words);
        settle();
        std::vector<std::string> called;
        {
            const std::lock_guard lock(mutex_);
            called.swap(callbacks_);
        }
        if (called.empty()) return;
        std::sort(called.begin(), called.end());
        std::cout << "callbacks";
        for (const std::string& index : called) std::cout << ' ' << index;
        std::cout << '\n';
    }

  private:
    static const char* yes_no(bool value) { return value ? "True" : "False"; }

    int task(int index, const std::string& what, std::size_t gate) {
        {
            const std::lock_guard lock(mutex_);
            started_.insert(index);
            if (what.starts_with("gate")) blocked_at_[index] = gate;
        }
        if (what.starts_with("gate")) gate_futures_[gate].wait();
        {
            const std::lock_guard lock(mutex_);
            ended_.insert(index);
        }
        if (what.ends_with("boom")) throw Boom("boom " + std::to_string(index));
        return index * 10;
    }

    bool settled() {
        const std::lock_guard lock(mutex_);
        std::size_t running = 0;
        for (const int index : started_) {
            if (ended_.count(index)) {
                if (!futures_[static_cast<std::size_t>(index)].done()) return false;
                continue;
            }
            ++running;
            const auto place = blocked_at_.find(index);
            if (place == blocked_at_.end() || is_open(place->second)) return false;
        }
        std::size_t to_be_called = 0;
        for (const std::size_t index : attached_) to_be_called += futures_[index].done();
        if (called_ != to_be_called) return false;
        if (running == workers_) return true;
        for (std::size_t i = 0; i < futures_.size(); ++i)
            if (futures_[i].valid() && !started_.count(static_cast<int>(i)) && !futures_[i].cancelled())
                return false;
        return true;
    }
    void settle() {
        while (!settled()) std::this_thread::yield();
    }

    cf::Future<int> read_future(std::istream& words) {
        std::size_t index = 0;
        words >> index;
        return futures_[index];
    }
    Futures read_futures(std::istream& words) {
        Futures result;
        for (std::size_t index; words >> index;)
            if (futures_[index].valid()) result.push_back(futures_[index]);
        return result;
    }
    void print(const char* label, const Futures& some) {
        std::cout << label;
        bool first = true;
        for (std::size_t i = 0; i < futures_.size(); ++i)
            for (const auto& future : some)
                if (future == futures_[i] && future.valid()) {
                    std::cout << (first ? "" : " ") << i;
                    first = false;
                    break;
                }
    }
    static void outcome(const std::function<std::string()>& call) {
        try {
            std::cout << call() << '\n';
        } catch (const cf::CancelledError&) {
            std::cout << "cancelled\n";
        } catch (const cf::TimeoutError&) {
            std::cout << "timeout\n";
        } catch (const Boom& error) {
            std::cout << "raised " << error.what() << '\n';
        }
    }

    void submit(std::istream& words) {
        std::string what;
        std::size_t gate = 0;
        words >> what >> gate;
        const int index = static_cast<int>(futures_.size());
        const std::lock_guard lock(mutex_);  // the task may start before its future is in the list
        try {
            futures_.push_back(pool_.submit(&Program::task, this, index, what, gate));
            std::cout << "submitted\n";
        } catch (const cf::ShutdownError&) {
            futures_.emplace_back();
            std::cout << "refused\n";
        }
    }

    void map(std::istream& words) {
        cf::MapOptions options;
        std::size_t chunksize = 0;
        words >> chunksize;
        options.chunksize = chunksize;
        std::vector<int> values;
        for (int value; words >> value;) values.push_back(value);
        {
            const std::lock_guard lock(mutex_);
            if (closed_ || started_.size() - ended_.size() == workers_) {
                std::cout << "no map\n";
                return;
            }
        }
        std::string line = "map ";
        auto results = pool_.map(options, [](int value) {
            if (value < 0) throw Boom("boom " + std::to_string(value));
            return value * value;
        }, values);
        const char* separator = "";
        for (auto it = results.begin(); it != results.end(); ++it) {
            line += separator;
            separator = " ";
            try {
                line += std::to_string(*it);
            } catch (const Boom& error) {
                line += std::string("raised ") + error.what();
                break;
            }
        }
        std::cout << line << '\n';
    }

    /// As programs.py has it, which says why the limits are so.
    void wait(std::istream& words) {
        std::string word;
        words >> word;
        const cf::ReturnWhen when = word == "first_completed"   ? cf::ReturnWhen::first_completed
                                    : word == "first_exception" ? cf::ReturnWhen::first_exception
                                                                : cf::ReturnWhen::all_completed;
        const Futures futures = read_futures(words);
        bool all = true, any = false, failed = false;
        for (const auto& future : futures) {
            all = all && future.done();
            any = any || future.done();
            failed = failed || (future.done() && !future.cancelled() && future.exception());
        }
        const bool at_once = all || (when == cf::ReturnWhen::first_completed && any) ||
                             (when == cf::ReturnWhen::first_exception && failed);
        const auto limit = at_once ? std::chrono::milliseconds(5'000) : std::chrono::milliseconds(1);
        const auto began = std::chrono::steady_clock::now();
        const auto [done, not_done] = cf::wait(futures, {.timeout = limit, .return_when = when});
        const bool early = std::chrono::steady_clock::now() - began < limit;
        print("done ", done);
        print(" not ", not_done);
        std::cout << (early ? " at once\n" : " timeout\n");
    }

    void execute(const std::string& word, std::istream& words) {
        if (word == "submit") return submit(words);
        if (word == "map") return map(words);
        if (word == "open") {
            std::size_t gate = 0;
            words >> gate;
            if (!is_open(gate)) gates_[gate].set_value();
        } else if (word == "shutdown") {
            int cancel = 0;
            words >> cancel;
            closed_ = true;
            pool_.shutdown({.wait = false, .cancel_futures = cancel == 1});
        } else if (word == "wait") {
            wait(words);
        } else if (word == "as_completed") {
            Futures got;
            const char* end = "";
            try {
                for (auto& future :
                     cf::as_completed(read_futures(words), std::chrono::nanoseconds(0)))
                    got.push_back(future);
            } catch (const cf::TimeoutError&) {
                end = " timeout";
            }
            print("got ", got);
            std::cout << end << '\n';
        } else if (word != "end") {
            look_at_one(word, words);
        }
    }

    void look_at_one(const std::string& word, std::istream& words) {
        std::string index;
        words >> index;
        const cf::Future<int> future = futures_[std::stoul(index)];
        if (word == "callback") {
            if (!future.valid()) return;
            attached_.push_back(std::stoul(index));
            future.add_done_callback([this, index](const auto&) {
                const std::lock_guard lock(mutex_);
                callbacks_.push_back(index);
                ++called_;
            });
        } else if (!future.valid()) {
            std::cout << "none\n";
        } else if (word == "cancel") {
            std::cout << yes_no(future.cancel()) << '\n';
        } else if (word == "look") {
            std::cout << yes_no(future.done()) << ' ' << yes_no(future.running()) << ' '
                      << yes_no(future.cancelled()) << '\n';
        } else if (word == "result") {
            outcome([&] { return std::to_string(future.result(std::chrono::seconds(0))); });
        } else if (word == "exception") {
            outcome([&]() -> std::string {
                const std::exception_ptr error = future.exception(std::chrono::seconds(0));
                if (!error) return "None";
                try {
                    std::rethrow_exception(error);
                } catch (const Boom& boom) {
                    return boom.what();
                }
            });
        }
    }

    const std::size_t workers_;
    std::mutex mutex_;
    std::set<int> started_, ended_;              // guarded by mutex_
    std::map<int, std::size_t> blocked_at_;      // guarded by mutex_
    std::vector<std::string> callbacks_;         // guarded by mutex_
    std::size_t called_ = 0;                     // guarded by mutex_
    std::vector<std::size_t> attached_;
    bool is_open(std::size_t gate) const {
        return gate_futures_[gate].wait_for(std::chrono::seconds(0)) == std::future_status::ready;
    }

    // Not of this library: in its own waits another thread works in place of the worker, which CPython does not have.
    std::promise<void> gates_[3];
    std::vector<std::shared_future<void>> gate_futures_;
    Futures futures_;
    bool closed_ = false;
    cf::ThreadPoolExecutor pool_;  // last: ends first
};

int main() {
    std::unique_ptr<Program> program;
    for (std::string line; std::getline(std::cin, line);) {
        if (line.starts_with("pool ")) {
            program = std::make_unique<Program>(std::stoul(line.substr(5)));
            continue;
        }
        program->run(line);
        if (line == "end") {
            program.reset();
            std::cout << "--\n";
        }
    }
}
