#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Takes out of Doxygen's XML what is private, which Sphinx would show on the page of a header, and what Sphinx cannot
show: friends, overloads that only refuse wrong calls, and the second of two overloads that differ by their constraints
alone (Doxygen 1.9 gives both one identifier).

    docs/site/tidy_xml.py FOLDER_OF_XML
"""

import pathlib
import sys
import xml.etree.ElementTree as ElementTree

for path in pathlib.Path(sys.argv[1]).glob("*.xml"):
    tree = ElementTree.parse(path)
    seen: set[str] = set()
    for compound in tree.iter("compounddef"):
        for inner in compound.findall("innerclass"):
            if inner.get("prot") == "private":
                compound.remove(inner)
        for section in compound.findall("sectiondef"):
            if (section.get("kind") or "").startswith("private"):
                compound.remove(section)
                continue
            for member in section.findall("memberdef"):
                identifier = member.get("id", "")
                is_friend = member.get("kind") == "friend" or (member.findtext("type") or "").startswith("friend")
                brief = member.find("briefdescription")
                is_refusal = brief is not None and "".join(brief.itertext()).strip().startswith("Refused:")
                if is_friend or is_refusal or identifier in seen:
                    section.remove(member)
                seen.add(identifier)
    tree.write(path, encoding="utf-8", xml_declaration=True)
