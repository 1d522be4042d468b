#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Builds the documentation site: guide, reference of the public headers, design. The result is build/site/html/README.html.
#
#     scripts/site.sh                  a warning is an error, also a link that leads nowhere
#     scripts/site.sh --pictures       also pictures of some pages, as a desktop and a phone show them, in build/site/pictures
#
# The documents are those of the tree (docs/site/pages.py). What it needs is installed, on Debian.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

scripts/install_dependencies.sh site
site=$PWD/build/site
rm -rf "$site"
mkdir -p "$site/doxygen"
export CONCURRENT_FUTURES_SOURCE=$PWD
export CONCURRENT_FUTURES_DOXYGEN=$site/doxygen
export CONCURRENT_FUTURES_DOXYGEN_XML=$site/doxygen/xml

doxygen docs/site/Doxyfile
python3 docs/site/tidy_xml.py "$site/doxygen/xml"
python3 docs/site/pages.py . "$site/pages"
sphinx-build -q -W --keep-going -c docs/site "$site/pages" "$site/html"
printf '%s\n' "site: $site/html/README.html"

[[ ${1:-} == --pictures ]] || exit 0
scripts/install_dependencies.sh pictures
mkdir -p "$site/pictures"
for page in README docs/install docs/how_to docs/design/processes reference/thread_pool_executor.hpp; do
    for size in 1280,1600 390,844; do
        picture=$site/pictures/$(basename "$page")_${size%,*}.png
        chromium --headless --no-sandbox --disable-gpu --hide-scrollbars --window-size="$size" \
            --screenshot="$picture" "file://$site/html/$page.html" >/dev/null 2>&1
        printf '%s\n' "site: $picture"
    done
done
