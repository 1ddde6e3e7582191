#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Joins the results of a field run of services into one file and prints the totals; fails when what must hold
does not: totals.py OUT RESULTS…"""

import json
import pathlib
import sys


def main():
    results = [r for name in sys.argv[2:] for r in json.loads(pathlib.Path(name).read_text())]
    pathlib.Path(sys.argv[1]).write_text(json.dumps(results, indent=1))
    allowed = [r for r in results if r.get("allowed")]
    ran = [r for r in results if r["alerts"]]
    pieces = sum(len(r["alerts"]) for r in ran)
    single = sum(count == 1 for r in ran for count in r["alerts"].values())
    right = [r for r in ran if r["said"] and r["local"] and r["resolved"] and r["answers"]]
    print(f"services run:          {len(ran) + len(allowed)} of {len(results)}")
    print(f"allowed, no alert:     {sum(not r['wrong'] for r in allowed)} of {len(allowed)}")
    print(f"flagged:               {sum(r['flagged'] for r in ran)} of {len(ran)}")
    print(f"one alert for a port:  {single} of {pieces}")
    print(f"advice right:          {len(right)} of {len(ran)}")
    print(f"resolved:              {sum(r['resolved'] for r in ran)} of {len(ran)}")
    print(f"alerts while local:    {sum(r.get('false alerts', 0) for r in ran)}")
    print(f"wrong:                 {', '.join(r['name'] for r in results if r['wrong']) or 'none'}")
    good = (ran and len(ran) + len(allowed) == len(results) and
            not any(r["wrong"] for r in allowed) and all(r["flagged"] for r in ran) and single == pieces and
            len(right) >= 0.95 * len(ran) and not sum(r.get("false alerts", 0) for r in ran))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
