// SPDX-License-Identifier: MIT
#include <concurrent/futures/detail/platform/oom_kills.hpp>

#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <fstream>
#include <string>

#include "support/process_log.hpp"

namespace {

using namespace concurrent::futures::detail;

TEST_CASE("the number of kills in the kernel's words", "[oom_kills]") {
    CHECK(oom_kills_in("low 0\nhigh 0\nmax 12\noom 3\noom_kill 2\noom_group_kill 1\n") == 2U);
    CHECK(oom_kills_in("oom_kill_disable 0\nunder_oom 0\noom_kill 7") == 7U);
    CHECK(oom_kills_in("oom_kill 18446744073709551615\n") == 18446744073709551615U);
    CHECK(!oom_kills_in(""));
    CHECK(!oom_kills_in("oom_kill_disable 0\nunder_oom 0\n"));
    CHECK(!oom_kills_in("oom_kill \n"));
    CHECK(!oom_kills_in("oom_kill many\n"));
    CHECK(!oom_kills_in("oom_kill -1\n"));
}

/// Control groups as files, in a folder.
class Groups {
  public:
    std::string root() const { return directory_.path() + "/cgroup"; }
    void write(const std::string& path, const std::string& text) const {
        const std::filesystem::path file = root() + path;
        std::filesystem::create_directories(file.parent_path());
        std::ofstream(file) << text;
    }
    ~Groups() { std::filesystem::remove_all(root()); }

  private:
    support::TemporaryDirectory directory_;
};

TEST_CASE("version 2 counts in memory.events, version 1 in memory.oom_control", "[oom_kills]") {
    const Groups groups;
    groups.write("/user/pool/memory.events", "oom_kill 1\n");
    CHECK(oom_kill_file("0::/user/pool\n", groups.root()) == groups.root() + "/user/pool/memory.events");
    groups.write("/memory/user/old/memory.oom_control", "oom_kill_disable 0\noom_kill 4\n");
    CHECK(oom_kill_file("5:cpu:/x\n4:hugetlb,memory:/user/old\n0::/\n", groups.root()) ==
          groups.root() + "/memory/user/old/memory.oom_control");
    CHECK(oom_kills_in(read_small_file(oom_kill_file("4:memory:/user/old", groups.root()))) == 4U);
    const FileDescriptor file(::open(oom_kill_file("4:memory:/user/old", groups.root()).c_str(), O_RDONLY | O_CLOEXEC));
    for (int time = 0; time < 2; ++time) CHECK(OomKills::count_in(file.get()) == 4U);
    CHECK(!OomKills::count_in(-1));
}

TEST_CASE("in a container, which knows the host's name of its group, the group is what is mounted",
          "[oom_kills]") {
    const Groups groups;
    groups.write("/memory/memory.oom_control", "oom_kill 0\n");
    CHECK(oom_kill_file("4:memory:/docker/0123\n", groups.root()) ==
          groups.root() + "/memory/memory.oom_control");
    groups.write("/memory.events", "oom_kill 0\n");
    CHECK(oom_kill_file("0::/\n", groups.root()) == groups.root() + "/memory.events");
}

TEST_CASE("where nothing counts, nothing is claimed", "[oom_kills]") {
    const Groups groups;
    CHECK(oom_kill_file("0::/user\n4:memory:/user\n", groups.root()).empty());
    CHECK(oom_kill_file("", groups.root()).empty());
    CHECK(oom_kill_file("no group\n::\n", groups.root()).empty());
    groups.write("/memory/user/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\n");
    CHECK(oom_kill_file("4:memory:/user\n", groups.root()).empty());
    static_cast<void>(OomKills().count());  // whatever this machine has
}

}  // namespace
