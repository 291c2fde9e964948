#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Count what a JUnit file tells: prints 'PASSED FAILED SKIPPED', then a line for each that did not pass."""
import sys
import xml.etree.ElementTree as tree

counts = {'passed': 0, 'failed': 0, 'skipped': 0}
lines = []
for case in tree.parse(sys.argv[1]).iter('testcase'):
    name = f'{case.get("classname")}: {case.get("name")}'
    marks = {child.tag: child for child in case}
    if 'failure' in marks or 'error' in marks:
        counts['failed'] += 1
        lines.append(f'FAILED  {name}')
    elif 'skipped' in marks:
        counts['skipped'] += 1
        reason = marks['skipped'].get('message')
        lines.append(f'skipped {name}' + (f': {reason}' if reason else ''))
    else:
        counts['passed'] += 1
print(*counts.values())
print('\n'.join(lines))
