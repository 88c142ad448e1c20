"""tzcheck.py --list prints the names of all zones, of those with equal files one; without it, compares the output of tzdump
on standard input with Python's zoneinfo and prints `zones N facts N`. Exit status 1 at the first difference."""
import os
import sys
from datetime import datetime, timedelta, timezone
from zoneinfo import TZPATH, ZoneInfo, available_timezones

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
TO = 2366841600
FORTNIGHT = 14 * 86400


def stamp(sec, zone):
    return (EPOCH + timedelta(seconds=sec)).astimezone(zone)


def offset(moment):
    return int(moment.utcoffset().total_seconds())


def instants(naive, zone):
    """Every second that reads `naive`: from both offsets that it may have, kept if it reads so indeed."""
    found = set()
    for fold in (0, 1):
        guess = naive.replace(tzinfo=zone, fold=fold)
        sec = int((naive - datetime(1970, 1, 1)).total_seconds()) - offset(guess)
        if stamp(sec, zone).replace(tzinfo=None) == naive:
            found.add(sec)
    return sorted(found)


def check_samples(name, zone, spans):
    """Once a fortnight, whether tzdump knows of a change there or not."""
    i = 0
    for sec in range(0, TO, FORTNIGHT):
        while i + 1 < len(spans) and spans[i + 1][0] <= sec:
            i += 1
        if offset(stamp(sec, zone)) != spans[i][1]:
            sys.exit(f"{name}: offset at {sec}: {spans[i][1]}, python {offset(stamp(sec, zone))}")


def check_line(name, zone, word):
    if word[0] == "U":
        moment = stamp(int(word[1]), zone)
        want = [moment.strftime("%Y-%m-%dT%H:%M:%S"), str(moment.isoweekday() % 7 + 1), str(offset(moment))]
        got = word[2:]
    else:
        found = instants(datetime.fromisoformat(word[1]), zone)
        want = [str(len(found))] + [str(s) for s in found]
        got = word[2:]
    if want != got:
        sys.exit(f"{name}: {' '.join(word)}: python has {' '.join(want)}")


def list_zones():
    seen = {}
    for name in sorted(available_timezones()):
        path = next((p for p in (os.path.join(d, name) for d in TZPATH) if os.path.exists(p)), None)
        if path:
            with open(path, "rb") as file:
                seen.setdefault(file.read(), name)
    print("\n".join(seen.values()))


def main():
    name, zone, spans, zones, facts = None, None, [], 0, 0
    for line in sys.stdin:
        word = line.split()
        if word[0] == "Z":
            if zone:
                check_samples(name, zone, spans)
            name, zone, spans, zones = word[1], ZoneInfo(word[1]), [], zones + 1
        elif word[0] == "S":
            spans.append((int(word[1]), int(word[2])))
        else:
            check_line(name, zone, word)
        facts += 1
    if zone:
        check_samples(name, zone, spans)
    print(f"zones {zones} facts {facts}")


if sys.argv[1:] == ["--list"]:
    list_zones()
else:
    main()
