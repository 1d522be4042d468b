// SPDX-License-Identifier: MIT
#include <concurrent/futures/detail/platform/processor_count.hpp>

#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <fstream>
#include <string>

#include "support/process_log.hpp"

namespace {

using namespace concurrent::futures::detail;

/// A made-up /sys/fs/cgroup.
class FakeCgroups {
  public:
    void write(const std::string& file, const std::string& text) const {
        const std::filesystem::path path = root() + "/" + file;
        std::filesystem::create_directories(path.parent_path());
        std::ofstream(path) << text;
    }
    std::string root() const { return directory_.path(); }

  private:
    support::TemporaryDirectory directory_;
};

TEST_CASE("a quota is rounded up to whole processors", "[processor_count]") {
    CHECK(processors_of_quota("100000", "100000") == 1);
    CHECK(processors_of_quota("150000", "100000") == 2);
    CHECK(processors_of_quota("200000", "100000") == 2);
    CHECK(processors_of_quota("50000", "100000") == 1);
    CHECK(processors_of_quota("1", "100000") == 1);
    CHECK(processors_of_quota("400000\n", "50000\n") == 8);
}

TEST_CASE("what is no quota is no limit", "[processor_count]") {
    CHECK(processors_of_quota("max", "100000") == 0);
    CHECK(processors_of_quota("-1", "100000") == 0);
    CHECK(processors_of_quota("0", "100000") == 0);
    CHECK(processors_of_quota("", "") == 0);
    CHECK(processors_of_quota("100000", "0") == 0);
    CHECK(processors_of_quota("100000", "soon") == 0);
}

TEST_CASE("a file that is not there reads as empty", "[processor_count]") {
    FakeCgroups fake;
    CHECK(read_small_file(fake.root() + "/missing").empty());
    CHECK(read_small_file(fake.root()).empty());
    fake.write("there", "text\n");
    CHECK(read_small_file(fake.root() + "/there") == "text\n");
}

TEST_CASE("version 2: the tightest quota on the way up to the root counts", "[processor_count]") {
    FakeCgroups fake;
    fake.write("a/cpu.max", "300000 100000\n");
    fake.write("a/b/cpu.max", "max 100000\n");
    fake.write("a/b/c/cpu.max", "600000 100000\n");
    CHECK(cgroup_quota(fake.root(), "/a/b/c", 2) == 3);
    CHECK(cgroup_quota(fake.root(), "/a/b", 2) == 3);
    CHECK(cgroup_quota(fake.root(), "/", 2) == 0);
    CHECK(cgroup_quota(fake.root(), "/elsewhere", 2) == 0);
    fake.write("cpu.max", "100000 100000\n");
    CHECK(cgroup_quota(fake.root(), "/a/b/c", 2) == 1);
    CHECK(cgroup_quota(fake.root(), "/", 2) == 1);
}

TEST_CASE("version 1: quota and period stand in two files", "[processor_count]") {
    FakeCgroups fake;
    fake.write("a/cpu.cfs_quota_us", "250000\n");
    fake.write("a/cpu.cfs_period_us", "100000\n");
    fake.write("cpu.cfs_quota_us", "-1\n");
    fake.write("cpu.cfs_period_us", "100000\n");
    CHECK(cgroup_quota(fake.root(), "/a", 1) == 3);
    CHECK(cgroup_quota(fake.root(), "/a/below", 1) == 3);
    CHECK(cgroup_quota(fake.root(), "/", 1) == 0);
}

TEST_CASE("the groups of a process are found as the kernel lists them", "[processor_count]") {
    FakeCgroups fake;
    SECTION("version 2") {
        fake.write("user.slice/cpu.max", "200000 100000");
        CHECK(processors_of_cgroups("0::/user.slice\n", fake.root()) == 2);
        CHECK(processors_of_cgroups("0::/", fake.root()) == 0);
    }
    SECTION("version 1, mounted under the controllers' names") {
        fake.write("cpu,cpuacct/pod/cpu.cfs_quota_us", "400000");
        fake.write("cpu,cpuacct/pod/cpu.cfs_period_us", "100000");
        CHECK(processors_of_cgroups("12:memory:/pod\n4:cpu,cpuacct:/pod\n", fake.root()) == 4);
    }
    SECTION("version 1, mounted as cpu") {
        fake.write("cpu/pod/cpu.cfs_quota_us", "400000");
        fake.write("cpu/pod/cpu.cfs_period_us", "100000");
        CHECK(processors_of_cgroups("4:cpuacct,cpu:/pod\n", fake.root()) == 4);
    }
    SECTION("both: the tighter one") {
        fake.write("cpu/pod/cpu.cfs_quota_us", "400000");
        fake.write("cpu/pod/cpu.cfs_period_us", "100000");
        fake.write("unified/pod/cpu.max", "150000 100000");
        CHECK(processors_of_cgroups("4:cpu:/pod\n0::/pod\n", fake.root()) == 2);
    }
    SECTION("cpuset is not cpu") {
        fake.write("cpuset/pod/cpu.cfs_quota_us", "100000");
        fake.write("cpuset/pod/cpu.cfs_period_us", "100000");
        CHECK(processors_of_cgroups("4:cpuset:/pod\n", fake.root()) == 0);
    }
}

TEST_CASE("a list of groups that makes no sense is no limit", "[processor_count]") {
    FakeCgroups fake;
    fake.write("cpu.max", "100000 100000");
    CHECK(processors_of_cgroups("", fake.root()) == 0);
    CHECK(processors_of_cgroups("\n\n", fake.root()) == 0);
    CHECK(processors_of_cgroups("no colons", fake.root()) == 0);
    CHECK(processors_of_cgroups("one:colon", fake.root()) == 0);
    CHECK(processors_of_cgroups("no colons\n0::/\n", fake.root()) == 1);
}

TEST_CASE("this process may use at least one processor", "[processor_count]") {
    CHECK(processors_of_affinity() >= 1);
    CHECK(processor_count() >= 1);
    CHECK(processor_count() <= processors_of_affinity());
}

TEST_CASE("a quota takes processors away and gives none", "[processor_count]") {
    CHECK(processors_within(8, 0) == 8);
    CHECK(processors_within(8, 3) == 3);
    CHECK(processors_within(2, 3) == 2);
    CHECK(processors_within(0, 0) == 1);
}

}  // namespace
