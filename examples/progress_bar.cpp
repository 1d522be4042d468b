// SPDX-License-Identifier: MIT
//
// Lesson: a progress bar around a loop over results. On a terminal it shows, on stderr,
//
//     images  42% [########..........] 84/200  35.2/s  0:03 left  1 failed
//
// and nothing when stderr goes elsewhere, as here in the test.
//
// Run: build/quickstart/examples/progress_bar
// Prints (the test compares it):
//     198 images, 2 failed
//     the slowest of 20 pages had 19 links
#include <algorithm>
#include <chrono>
#include <concurrent/futures.hpp>
#include <concurrent/futures/progress.hpp>
#include <iostream>
#include <stdexcept>
#include <thread>
#include <vector>

namespace cf = concurrent::futures;

int shrink(int image) {
    if (image % 100 == 99) throw std::runtime_error("not an image");
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    return image;
}

int count_links(int page) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5 * page));
    return page;
}

int main() {
    cf::ThreadPoolExecutor pool(4);
    std::vector<int> images(200);
    for (int& image : images) image = static_cast<int>(&image - images.data());

    int shrunk = 0;
    auto results = cf::progress(pool.map(shrink, images), {.label = "images"});
    for (auto it = results.begin(); it != results.end(); ++it) {
        try {
            static_cast<void>(*it);
            ++shrunk;
        } catch (const std::runtime_error&) {
            // counted by the bar
        }
    }
    std::cout << shrunk << " images, " << results.failed() << " failed\n";

    std::vector<cf::Future<int>> pages;
    for (int page = 0; page < 20; ++page) pages.push_back(pool.submit(count_links, page));
    int links = 0;
    for (auto& page : cf::progress(cf::as_completed(pages), {.label = "pages"})) {
        links = std::max(links, page.result());
    }
    std::cout << "the slowest of " << pages.size() << " pages had " << links << " links\n";
}
