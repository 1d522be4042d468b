#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""run_program.py and check_compile.py refuse what they are there to refuse.

    harness_test.py COMPILER
"""
import pathlib
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).parent
COMPILER = sys.argv.pop(1)


class Harness(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def run_script(self, script, *words):
        return subprocess.run([sys.executable, HERE / script, *words], capture_output=True,
                              text=True, check=False)

    def program(self, expectations, commands):
        source, program = self.folder / "source.cpp", self.folder / "program"
        source.write_text(expectations)
        program.write_text("#!/bin/sh\n" + commands)
        program.chmod(0o755)
        return self.run_script("run_program.py", source, program)

    def compilation(self, text):
        source = self.folder / "source.cpp"
        source.write_text(text)
        return self.run_script("check_compile.py", source, COMPILER, "-std=c++20")

    def refused(self, result, reason):
        self.assertEqual(result.returncode, 1, result.stdout + result.stderr)
        self.assertIn(reason, result.stdout)

    def test_a_program_that_keeps_its_promises_passes(self):
        result = self.program("// expect-exit: 3\n// expect-output: ^b\\w+$\n// arguments: 'b c'\n"
                              "// environment: WORD=blue\n",
                              'echo "$1"; echo $WORD; exit 3\n')
        self.assertEqual(result.returncode, 0, result.stdout)

    def test_a_wrong_exit_code_is_refused(self):
        self.refused(self.program("", "exit 1\n"), "exit code is 1, expected 0")

    def test_a_signal_is_refused(self):
        self.refused(self.program("", "kill -9 $$\n"), "exit code is -9")

    def test_missing_output_is_refused(self):
        self.refused(self.program("// expect-output: yes\n", "echo no\n"), "lacks /yes/")

    def test_unwanted_output_is_refused(self):
        self.refused(self.program("// expect-no-output: no\n", "echo no\n"), "has /no/")

    def test_a_process_left_behind_is_refused(self):
        self.refused(self.program("", "sleep 1000 &\n"), "left behind: ")

    def test_a_process_that_ends_soon_is_not_left_behind(self):
        self.assertEqual(self.program("", "sleep 0.1 &\n").returncode, 0)

    def test_a_hanging_program_is_refused(self):
        self.refused(self.program("// timeout-seconds: 0.2\n", "exec sleep 1000\n"),
                     "did not end within")

    def test_an_unknown_expectation_is_refused(self):
        self.assertNotEqual(self.program("// expect-outptu: x\n", "exit 0\n").returncode, 0)

    def test_the_right_error_passes(self):
        result = self.compilation('// expect-error: write int\nstatic_assert(false, "write int");\n')
        self.assertEqual(result.returncode, 0, result.stdout)

    def test_an_error_that_only_the_source_mentions_is_refused(self):
        self.refused(self.compilation("// expect-error: write int\nint x = y; // write int\n"),
                     "no message matches")

    def test_a_compile_that_succeeds_is_refused(self):
        self.refused(self.compilation("// expect-error: x\nint main() {}\n"), "must not compile")

    def test_a_missing_header_is_refused(self):
        self.refused(self.compilation("// expect-error: nowhere\n#include <nowhere.hpp>\n"),
                     "a header is missing")

    def test_a_control_that_fails_is_refused(self):
        self.refused(self.compilation("// expect-success\nint main() { return x; }\n"),
                     "must compile")

    def test_a_program_without_an_expectation_is_refused(self):
        self.assertNotEqual(self.compilation("int main() {}\n").returncode, 0)


if __name__ == "__main__":
    unittest.main()
