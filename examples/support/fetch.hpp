// SPDX-License-Identifier: MIT
//
// fetch.hpp: one page over HTTP by libcurl, for web_scraper.
//
//     Page page = fetch("http://127.0.0.1:8000/", 2s);    // throws FetchError
//
// Threads: any number at once; each keeps its connection open for its next page.
#pragma once

#include <curl/curl.h>

#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

struct Page {
    std::string html;
    std::chrono::duration<double> elapsed{};

    std::string title() const { return first_between("<title>", "</title>", 0).first; }

    /// What `href="…"` says, in the order of the page.
    std::vector<std::string> links() const {
        std::vector<std::string> found;
        for (auto [link, end] = first_between("href=\"", "\"", 0); end != html.npos;
             std::tie(link, end) = first_between("href=\"", "\"", end))
            found.push_back(link);
        return found;
    }

  private:
    /// The text, and where it ends; npos if there is none.
    std::pair<std::string, std::size_t> first_between(const std::string& left,
                                                      const std::string& right,
                                                      std::size_t position) const {
        const std::size_t start = html.find(left, position);
        if (start == html.npos) return {"", html.npos};
        const std::size_t end = html.find(right, start + left.size());
        if (end == html.npos) return {"", html.npos};
        return {html.substr(start + left.size(), end - start - left.size()), end + right.size()};
    }
};

/// Why there is no page: the status, or what libcurl says. And how long it took to learn that.
class FetchError : public std::runtime_error {
  public:
    FetchError(const std::string& reason, std::chrono::duration<double> elapsed)
        : std::runtime_error(reason), elapsed_(elapsed) {}
    std::chrono::duration<double> elapsed() const noexcept { return elapsed_; }

  private:
    std::chrono::duration<double> elapsed_;
};

inline Page fetch(const std::string& address, std::chrono::milliseconds timeout) {
    static const CURLcode library = curl_global_init(CURL_GLOBAL_DEFAULT);
    thread_local const std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> connection(
        curl_easy_init(), &curl_easy_cleanup);
    if (library != CURLE_OK || !connection) throw std::runtime_error("libcurl does not start");

    Page page;
    const curl_write_callback append = [](char* bytes, std::size_t size, std::size_t count,
                                          void* html) {
        static_cast<std::string*>(html)->append(bytes, size * count);
        return size * count;
    };
    char explanation[CURL_ERROR_SIZE] = "";
    CURL* const curl = connection.get();
    curl_easy_reset(curl);  // forgets the options, keeps the connection
    curl_easy_setopt(curl, CURLOPT_URL, address.c_str());
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);  // signals and threads do not mix
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, static_cast<long>(timeout.count()));
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, append);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &page.html);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, explanation);

    const auto start = std::chrono::steady_clock::now();
    const CURLcode code = curl_easy_perform(curl);
    page.elapsed = std::chrono::steady_clock::now() - start;
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, nullptr);
    if (code != CURLE_OK)
        throw FetchError(explanation[0] ? explanation : curl_easy_strerror(code), page.elapsed);
    long status = 0;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    if (status != 200) throw FetchError("HTTP " + std::to_string(status), page.elapsed);
    return page;
}
