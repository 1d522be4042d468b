// SPDX-License-Identifier: MIT
//
// Lesson: types that have functions for cereal already cross to processes with no further code. The pictures here share
// their palette: that is sent once, and is shared again on the other side.
//
// Run: build/quickstart/examples/cereal_types
// Prints (the test compares it):
//     sunset: 3 colours, lightest 250
//     in the other process the pictures of an album share their palette: yes
#include <algorithm>
#include <cereal/types/memory.hpp>
#include <cereal/types/string.hpp>
#include <cereal/types/vector.hpp>
#include <concurrent/futures.hpp>
#include <concurrent/futures/serialization/cereal.hpp>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

namespace cf = concurrent::futures;

class Picture {
  public:
    Picture() = default;
    Picture(std::string name, std::shared_ptr<std::vector<int>> palette)
        : name_(std::move(name)), palette_(std::move(palette)) {}
    const std::shared_ptr<std::vector<int>>& palette() const { return palette_; }
    std::string described() const {
        return name_ + ": " + std::to_string(palette_->size()) + " colours, lightest " +
               std::to_string(*std::max_element(palette_->begin(), palette_->end()));
    }

  private:
    friend class cereal::access;
    template <class Archive>
    void serialize(Archive& archive) {
        archive(CEREAL_NVP(name_), CEREAL_NVP(palette_));
    }
    std::string name_;
    std::shared_ptr<std::vector<int>> palette_;
};

struct Album {
    std::vector<Picture> pictures;
    template <class Archive>
    void serialize(Archive& archive) {
        archive(CEREAL_NVP(pictures));
    }
};

std::string describe(const Picture& picture) { return picture.described(); }

bool share_a_palette(const Album& album) {
    return album.pictures.at(0).palette() == album.pictures.at(1).palette();
}

int main(int argc, char** argv) {
    cf::process_main(argc, argv);
    const auto palette = std::make_shared<std::vector<int>>(std::vector{10, 250, 130});
    const Picture sunset("sunset", palette), sea("sea", palette);

    cf::ProcessPoolExecutor pool(1);
    std::cout << pool.submit(describe, sunset).result() << '\n';
    std::cout << "in the other process the pictures of an album share their palette: "
              << (pool.submit(share_a_palette, Album{{sunset, sea}}).result() ? "yes" : "no") << '\n';
}
