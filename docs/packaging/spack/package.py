# SPDX-License-Identifier: MIT
"""A Spack package, for a repository of your own. Not run by this project."""
from spack.package import *


class ConcurrentFutures(CMakePackage):
    """Thread and process pools with one API, as Python's concurrent.futures. Header-only, C++20."""

    license("MIT")
    version("main", branch="main")
    # git = "..." : where your checkout or mirror is

    variant("mpi", default=False, description="MPIPoolExecutor: the same calls on the ranks of an MPI job")
    depends_on("cxx", type="build")
    depends_on("cmake@3.25:", type="build")
    depends_on("mpi", when="+mpi")
    conflicts("%gcc@:11", msg="C++20: g++ 12 or later")
    conflicts("%clang@:15", msg="C++20: clang 16 or later")

    def cmake_args(self):
        return [
            self.define("CONCURRENT_FUTURES_TESTS", False),
            self.define("CONCURRENT_FUTURES_EXAMPLES", False),
            self.define("CONCURRENT_FUTURES_INSTALL", True),
        ]
