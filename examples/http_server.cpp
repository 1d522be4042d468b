// SPDX-License-Identifier: MIT
//
// Lesson: an event loop beside pools. One thread serves all connections with Asio's coroutines; what takes processor
// time runs in a thread pool or in a process pool, and the coroutine waits for it with co_await. Every thousandth call
// in a process crashes its worker: that one request gets an error, all others are answered.
//
// Run: build/quickstart/examples/http_server [port]          # prints its address; ends with Ctrl-C
//      curl http://127.0.0.1:PORT/threads/10000               # how many primes there are below 10000
//      ab -k -c 64 -n 100000 http://127.0.0.1:PORT/processes/10000
#include <asio/awaitable.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/read_until.hpp>
#include <asio/signal_set.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/write.hpp>
#include <concurrent/futures.hpp>
#include <concurrent/futures/asio.hpp>
#include <csignal>
#include <cstdlib>
#include <iostream>
#include <sstream>
#include <string>

namespace cf = concurrent::futures;
using asio::ip::tcp;

int count_primes(int limit) {
    int count = 0;
    for (int n = 2; n < limit; ++n) {
        bool prime = true;
        for (int d = 2; prime && d * d <= n; ++d) prime = n % d != 0;
        count += prime ? 1 : 0;
    }
    return count;
}

int count_primes_or_crash(int limit, int request) {
    if (request % 1000 == 0) std::abort();
    return count_primes(limit);
}

struct Pools {
    cf::ThreadPoolExecutor threads{2};
    cf::ProcessPoolExecutor processes{2};
    int requests = 0;  // that went to processes
};

asio::awaitable<std::string> answer(Pools& pools, const std::string& path) {
    const int limit = std::atoi(path.substr(path.rfind('/') + 1).c_str());
    int primes = 0;
    if (path.starts_with("/threads/")) {
        cf::Future<int> call = pools.threads.submit(count_primes, limit);
        primes = co_await cf::async_result_of(call, asio::use_awaitable);
    } else if (path.starts_with("/processes/")) {
        cf::Future<int> call = pools.processes.submit(count_primes_or_crash, limit, ++pools.requests);
        primes = co_await cf::async_result_of(call, asio::use_awaitable);
    } else {
        throw std::invalid_argument("try /threads/1000 or /processes/1000");
    }
    co_return std::to_string(primes) + '\n';
}

std::string response(const char* status, const std::string& body, bool keep_alive) {
    return std::string("HTTP/1.1 ") + status + "\r\nContent-Length: " + std::to_string(body.size()) +
           (keep_alive ? "\r\nConnection: keep-alive\r\n\r\n" : "\r\nConnection: close\r\n\r\n") + body;
}

asio::awaitable<void> serve(tcp::socket socket, Pools& pools) {
    std::string received;
    for (bool keep_alive = true; keep_alive;) {
        const std::size_t size = co_await asio::async_read_until(socket, asio::dynamic_buffer(received, 65536),
                                                                 "\r\n\r\n", asio::use_awaitable);
        std::istringstream head(received.substr(0, size));
        received.erase(0, size);
        std::string method, path, version;
        head >> method >> path >> version;
        keep_alive = version == "HTTP/1.1" || head.str().find("Keep-Alive") != std::string::npos;
        std::string reply;
        try {
            reply = response("200 OK", co_await answer(pools, path), keep_alive);
        } catch (const cf::WorkerDiedError& error) {
            reply = response("500 Internal Server Error", std::string(error.what()) + '\n', keep_alive);
        } catch (const std::exception& error) {
            reply = response("400 Bad Request", std::string(error.what()) + '\n', keep_alive);
        }
        co_await asio::async_write(socket, asio::buffer(reply), asio::use_awaitable);
    }
}

asio::awaitable<void> listen(tcp::acceptor& acceptor, Pools& pools) {
    for (;;) {
        tcp::socket socket = co_await acceptor.async_accept(asio::use_awaitable);
        asio::co_spawn(acceptor.get_executor(), serve(std::move(socket), pools), asio::detached);
    }
}

int main(int argc, char** argv) {
    cf::process_main(argc, argv);
    asio::io_context context;
    Pools pools;  // gone before the context, to which its calls send their results
    const auto port = static_cast<unsigned short>(argc > 1 ? std::atoi(argv[1]) : 0);
    tcp::acceptor acceptor(context, tcp::endpoint(asio::ip::address_v4::loopback(), port));
    std::cout << "http://127.0.0.1:" << acceptor.local_endpoint().port() << std::endl;

    asio::signal_set stop(context, SIGINT, SIGTERM);
    stop.async_wait([&](auto...) { context.stop(); });
    asio::co_spawn(context, listen(acceptor, pools), asio::detached);
    context.run();
    const auto stats = pools.processes.stats();
    std::cout << pools.requests << " calls in processes, " << stats.failed << " failed, " << stats.worker_restarts
              << " workers replaced\n";
}
