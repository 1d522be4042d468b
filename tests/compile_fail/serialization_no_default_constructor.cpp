// expect-error: fills an object that exists already: give T a default constructor
// SPDX-License-Identifier: MIT
//
// serialize(archive) cannot make a value from nothing.
#include <concurrent/futures/serialization.hpp>

namespace cf = concurrent::futures;

class Account {
  public:
    explicit Account(int number) : number_(number) {}
    template <class Archive>
    void serialize(Archive& archive) {
        archive(number_);
    }

  private:
    int number_;
};

Account decode(cf::Decoder& decoder) { return decoder.decode<Account>(); }
