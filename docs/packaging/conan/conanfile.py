# SPDX-License-Identifier: MIT
"""A Conan 2 recipe for a checkout: `conan create docs/packaging/conan`. Not run by this project."""
import os

from conan import ConanFile
from conan.tools.build import check_min_cppstd
from conan.tools.files import copy, load


class ConcurrentFutures(ConanFile):
    name = "concurrent_futures"
    license = "MIT"
    description = "Thread and process pools with one API, as Python's concurrent.futures"
    topics = ("thread-pool", "process-pool", "futures", "header-only")
    package_type = "header-library"
    settings = "os", "arch", "compiler", "build_type"
    no_copy_source = True

    def _checkout(self):
        return os.path.join(self.recipe_folder, "..", "..", "..")

    def set_version(self):
        text = load(self, os.path.join(self._checkout(), "include/concurrent/futures/version.hpp"))
        numbers = {line.split()[1]: line.split()[2] for line in text.splitlines() if line.startswith("#define") and line.split()[-1].isdigit()}
        self.version = ".".join(numbers[f"CONCURRENT_FUTURES_VERSION_{part}"] for part in ("MAJOR", "MINOR", "PATCH"))

    def export_sources(self):
        copy(self, "include/*", self._checkout(), self.export_sources_folder)
        copy(self, "LICENSE", self._checkout(), self.export_sources_folder)

    def validate(self):
        check_min_cppstd(self, 20)

    def package_id(self):
        self.info.clear()

    def package(self):
        copy(self, "*.hpp", os.path.join(self.source_folder, "include"), os.path.join(self.package_folder, "include"))
        copy(self, "LICENSE", self.source_folder, os.path.join(self.package_folder, "licenses"))

    def package_info(self):
        self.cpp_info.bindirs = []
        self.cpp_info.libdirs = []
        self.cpp_info.set_property("cmake_file_name", "concurrent_futures")
        self.cpp_info.set_property("cmake_target_name", "concurrent::futures")
        self.cpp_info.set_property("pkg_config_name", "concurrent_futures")
        if self.settings.os in ("Linux", "FreeBSD"):
            self.cpp_info.system_libs = ["pthread"]
