#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs web_scraper against slow_site.py and checks every page, every failure and the times.

    check_web_scraper.py PROGRAM
"""
import os
import re
import sys

import slow_site
from running import check, run

os.environ["no_proxy"] = "127.0.0.1"
site = slow_site.start()


def is_disturbed(output):
    """A busy machine has kept pages beyond the 2 s that each is given, or the processors from what runs at a time."""
    late = {int(page) for page in re.findall(r"^failed +/page/(\d+): .*timed out", output, re.MULTILINE)}
    times = re.search(r"([\d.]+) times as long", output)
    return not late <= slow_site.HANGING or not times or float(times.group(1)) <= 1.5


for _ in range(5):
    output = run([sys.argv[1], site, "16", "--compare"])
    if not is_disturbed(output):
        break

reasons = {page: "HTTP 404" for page in slow_site.MISSING}
reasons |= {page: "HTTP 500" for page in slow_site.BROKEN}
reasons |= {page: "timed out after 2" for page in slow_site.HANGING}
reasons |= {page: "bytes remaining to read" for page in slow_site.CUT_OFF}
failed = dict(re.findall(r"^failed +/page/(\d+): (.*)$", output, re.MULTILINE))
check({int(page) for page in failed} == slow_site.FAILING,
      f"failed: {sorted(failed)}, should be {sorted(slow_site.FAILING)}", output)
for page, reason in reasons.items():
    check(reason in failed[str(page)], f"page {page} should fail with '{reason}'", output)

good = set(range(1, slow_site.PAGES + 1)) - slow_site.FAILING
size = sum(len(slow_site.body(page)) for page in good)
summary = re.search(r"^(\d+) pages, (\d+) titles, (\d+) bytes, (\d+) failed: ([\d.]+) s$", output,
                    re.MULTILINE)
check(summary, "no summary", output)
check(tuple(map(int, summary.groups()[:4])) == (len(good), len(good), size, len(reasons)),
      f"should be {len(good)} pages, as many titles, {size} bytes, {len(reasons)} failed", output)

parallel = float(summary.group(5))
added_up = re.search(r"^time of all pages added up: ([\d.]+) s$", output, re.MULTILINE)
sequential = re.search(r"^one page at a time: (\d+) pages, (\d+) failed: ([\d.]+) s, "
                       r"([\d.]+) times as long$", output, re.MULTILINE)
check(added_up and sequential, "no comparison", output)
check((int(sequential.group(1)), int(sequential.group(2))) == (len(good), len(reasons)),
      "one at a time gave other pages", output)
least = sum(map(slow_site.latency, range(1, slow_site.PAGES + 1))) + 2
least = round(least - 0.1, 1)  # the program rounds
check(float(added_up.group(1)) >= least, f"the pages take at least {least} s", output)
check(float(sequential.group(3)) >= least, f"one at a time takes at least {least} s", output)
check(parallel >= 2, "the page that hangs is given 2 s", output)
check(float(sequential.group(3)) > 1.5 * parallel, "16 at a time should be much faster", output)
print(output)
