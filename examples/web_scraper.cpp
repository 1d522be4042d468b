// SPDX-License-Identifier: MIT
//
// Lesson: waiting for many slow things at once. Fetches every page that the first page links to
// over HTTP, takes them as they come, and survives those that are missing, broken, cut off or hang.
//
// Run: python3 examples/support/slow_site.py &            # a slow site, prints its address
//      build/quickstart/examples/web_scraper http://127.0.0.1:PORT [workers] [--compare]
// Prints a line per page that failed, then totals; with --compare it fetches all of them once more,
// one at a time:
//     failed /page/13: HTTP 404
//     failed /page/7: transfer closed with 445 bytes remaining to read
//     failed /page/42: Operation timed out after 2001 milliseconds with 0 bytes received
//     …
//     111 pages, 111 titles, 156922 bytes, 9 failed: 2.1 s
//     time of all pages added up: 6.3 s
//     one page at a time: 111 pages, 9 failed: 6.3 s, 3.0 times as long
#include <chrono>
#include <concurrent/futures.hpp>
#include <cstdlib>
#include <exception>
#include <iomanip>
#include <iostream>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "support/fetch.hpp"

namespace cf = concurrent::futures;
using namespace std::chrono_literals;
using Seconds = std::chrono::duration<double>;

struct Tally {
    std::size_t pages = 0, bytes = 0, failed = 0;
    std::set<std::string> titles;
    Seconds added_up{};

    void add(const Page& page) {
        ++pages;
        bytes += page.html.size();
        titles.insert(page.title());
        added_up += page.elapsed;
    }
    void add(const FetchError& error) {
        ++failed;
        added_up += error.elapsed();
    }
};

Seconds since(std::chrono::steady_clock::time_point start) {
    return std::chrono::steady_clock::now() - start;
}

Tally all_at_once(cf::Executor auto& pool, const std::string& site,
                  const std::vector<std::string>& paths) {
    std::unordered_map<cf::Future<Page>, std::string> path_of;  // as in Python: {future: url}
    std::vector<cf::Future<Page>> futures;
    for (const std::string& path : paths) {
        futures.push_back(pool.submit(fetch, site + path, 2s));
        path_of.emplace(futures.back(), path);
    }

    Tally tally;
    for (cf::Future<Page>& future : cf::as_completed(futures)) {
        try {
            tally.add(future.result());
        } catch (const FetchError& error) {
            tally.add(error);
            std::cout << "failed " << path_of[future] << ": " << error.what() << '\n';
        }
        std::cerr << '\r' << tally.pages + tally.failed << " of " << paths.size() << std::flush;
    }
    std::cerr << '\n';
    return tally;
}

Tally one_at_a_time(const std::string& site, const std::vector<std::string>& paths) {
    Tally tally;
    for (const std::string& path : paths) {
        try {
            tally.add(fetch(site + path, 2s));
        } catch (const FetchError& error) {
            tally.add(error);
        }
    }
    return tally;
}

int main(int argc, char** argv) try {
    const std::vector<std::string> arguments(argv + 1, argv + argc);
    const bool compare = !arguments.empty() && arguments.back() == "--compare";
    if (arguments.size() - compare < 1 || arguments.size() - compare > 2) {
        std::cerr << "usage: web_scraper http://HOST:PORT [workers] [--compare]\n";
        return EXIT_FAILURE;
    }
    const std::string& site = arguments[0];
    const int workers = arguments.size() - compare == 2 ? std::stoi(arguments[1]) : 16;
    const std::vector<std::string> paths = fetch(site + "/", 10s).links();

    auto start = std::chrono::steady_clock::now();
    cf::ThreadPoolExecutor pool({.max_workers = workers, .thread_name_prefix = "fetch"});
    const Tally tally = all_at_once(pool, site, paths);
    const Seconds elapsed = since(start);

    std::cout << std::fixed << std::setprecision(1) << tally.pages << " pages, "
              << tally.titles.size() << " titles, " << tally.bytes << " bytes, " << tally.failed
              << " failed: " << elapsed.count() << " s\n"
              << "time of all pages added up: " << tally.added_up.count() << " s\n";
    if (compare) {
        start = std::chrono::steady_clock::now();
        const Tally again = one_at_a_time(site, paths);
        const Seconds sequential = since(start);
        std::cout << "one page at a time: " << again.pages << " pages, " << again.failed
                  << " failed: " << sequential.count() << " s, " << sequential / elapsed
                  << " times as long\n";
    }
} catch (const std::exception& error) {
    std::cerr << "web_scraper: " << error.what() << '\n';
    return EXIT_FAILURE;
}
