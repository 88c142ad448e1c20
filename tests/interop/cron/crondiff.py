#!/usr/bin/env python3
"""The questions and the verdict of the differential test of cron expressions; tests/interop/cron/run drives it.

crondiff.py zones                     the zones of the questions, one a line
crondiff.py common PJ JAVA            those whose changes of offset both sides agree on (answers to --changes): PJ's lines
crondiff.py ask N SEED CHANGES DIR    DIR/ask: N lines EXPR TAB ZONE TAB MS; DIR/rewrite, DIR/rules: see below
crondiff.py again CHANGES DIR         DIR/local: those where pj (DIR/pj) and cron-utils (DIR/java) differ at a clock change
crondiff.py judge CHANGES DIR         compares DIR/pj with DIR/java; exit 1 when a difference is not a documented one

A difference is excused by what pj-time(7) documents only, and what it documents is itself put to cron-utils:
- An expression that pj reads otherwise is rewritten into expressions that cron-utils reads as documented (DIR/rewrite). pj's
  answer must be the one about these (DIR/java2).
- Where the clock changes, cron-utils is asked in UTC for readings of the clock, which CronNext.java --local maps to instants
  as documented. pj's answer must be that (DIR/java3), and there must be a change.
- cron-utils gives up a hundred years ahead.
"""
import collections
import random
import re
import sys

ZONES = """UTC America/New_York Europe/Berlin Europe/London Australia/Lord_Howe Asia/Kolkata America/Sao_Paulo Asia/Tehran
Pacific/Apia America/Havana Asia/Beirut Africa/Cairo America/St_Johns Antarctica/Troll Asia/Kathmandu Africa/Casablanca
Pacific/Chatham America/Caracas Asia/Gaza Australia/Sydney Europe/Dublin Asia/Pyongyang""".split()
NAMES = {4: "JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC".split(), 5: "SUN MON TUE WED THU FRI SAT".split()}
LOW = (0, 0, 0, 1, 1, 1, 1970)
HIGH = (59, 59, 23, 31, 12, 7, 2099)
SPREAD = re.compile(r"~|(^|[\s,|])H([\s,|/(]|$)", re.I)
LEFTOVERS = re.compile(r"[-/#,|](?=[\s,|]|$)|[LW]\d|LL|WW|(?<=\s)\|(?!\|)|-L|#[^\s,|]*#|/[^\s,|]*/|,\?|\?,", re.I)
NEVER = "0 0 0 30 2 ?"
DAY = 86400000
TO = 4102444800000


# --- asking ----------------------------------------------------------------------------------------------------------

class Generator:
    def __init__(self, seed, changes):
        self.r = random.Random(seed)
        self.changes = changes
        self.zones = sorted(changes)

    def one(self, *of):
        return self.r.choice(of)

    def value(self, f, v):
        r = self.r.random()
        if f in NAMES and r < 0.3:
            name = NAMES[f][v - 1]
            return self.one(name, name.lower(), name.capitalize())
        if r < 0.33:
            return "%02d" % v
        if r < 0.34:
            return "+%d" % v
        return str(v)

    def number(self, f):
        if f == 2 and self.r.random() < 0.6:
            return self.r.randint(0, 4)
        if f == 6:
            return self.r.randint(2000, 2040) if self.r.random() < 0.8 else self.r.randint(1970, 2099)
        return self.r.randint(LOW[f], HIGH[f])

    def range(self, f):
        a, b = self.number(f), self.number(f)
        if a > b and (f == 6 or self.r.random() < 0.7):
            a, b = b, a
        return "%s-%s" % (self.value(f, a), self.value(f, b))

    def step(self, f):
        most = 30 if f == 6 else HIGH[f]
        if self.r.random() < 0.7:
            most = min(most, 15)
        return self.r.randint(1, most)

    def plain(self, f):
        r = self.r.random()
        if r < 0.5:
            return self.value(f, self.number(f))
        if r < 0.65:
            return self.range(f)
        if r < 0.75:
            return "%s/%d" % (self.range(f), self.step(f))
        if r < 0.87:
            return "%s/%d" % ("*" if r < 0.85 else "", self.step(f))
        return "%s/%d" % (self.value(f, self.number(f)), self.step(f))

    def mark(self, f):
        if f == 3:
            r = self.r.random()
            if r < 0.25:
                return self.one("L", "l")
            if r < 0.4:
                return self.one("LW", "lw", "Lw")
            if r < 0.6:
                return "L-%d" % self.r.randint(1, 31 if self.r.random() < 0.2 else 9)
            return "%d%s" % (self.r.randint(1, 31), self.one("W", "w"))
        r = self.r.random()
        if r < 0.15:
            return "L"
        if r < 0.55:
            return self.value(5, self.r.randint(1, 7)) + self.one("L", "L", "l")
        return "%s#%d" % (self.value(5, self.r.randint(1, 7)), self.r.randint(1, 5 if self.r.random() < 0.97 else 6))

    def element(self, f):
        if f in (3, 5) and self.r.random() < 0.35:
            return self.mark(f)
        return self.plain(f)

    def field(self, f, loose):
        if self.r.random() < loose:
            return "*"
        n = self.r.choice((1, 1, 1, 1, 1, 1, 2, 2, 3, 5))
        return ",".join(self.element(f) for _ in range(n))

    def time_field(self, f):
        r = self.r.random()
        if f == 0 and r < 0.6:
            return "0"
        if f == 1 and r < 0.4:
            return self.one("0", "30", "15", "45", "59", "1")
        return self.field(f, 0.2)

    def days(self):
        day, wday = self.field(3, 0.3), self.field(5, 0.3)
        r = self.r.random()
        if r < 0.42:
            return day, "?"
        if r < 0.72:
            return "?", wday
        if r < 0.73:
            return "?", "?"
        return day, wday

    def fields(self):
        day, wday = self.days()
        out = [self.time_field(f) for f in range(3)] + [day, self.field(4, 0.7), wday]
        if self.r.random() < 0.15:
            out.append(self.field(6, 0.3))
        return out

    def bars(self, fields):
        n = self.r.randint(2, 3)
        for f in self.r.sample(range(len(fields)), self.r.randint(1, 2)):
            fields[f] = "|".join(self.time_field(f) if f < 3 else self.field(f, 0.1) for _ in range(n))
        return fields

    def broken(self, text):
        text = list(text)
        for _ in range(self.r.randint(1, 3)):
            i = self.r.randrange(len(text) + 1)
            c = self.r.choice("0123456789*?-/,#LWCH ~|.+@FRIx")
            r = self.r.random()
            if r < 0.4:
                text.insert(i, c)
            elif i < len(text):
                if r < 0.7:
                    text[i] = c
                else:
                    del text[i]
        return "".join(text)

    def unix(self):
        day = self.field(3, 0.5)
        wday = self.field(5, 0.5).replace("7", self.one("0", "7"))
        return " ".join([self.time_field(1), self.time_field(2), day, self.field(4, 0.7), wday])

    def simple(self):
        r = self.r.random()
        if r < 0.03:
            return self.one("@daily", "@hourly", "@weekly", "@monthly", "@yearly", "@annually", "@midnight")
        if r < 0.08:
            return self.unix()
        fields = self.fields()
        return " ".join(self.bars(fields) if r < 0.14 else fields)

    def expression(self):
        text = self.simple()
        if self.r.random() < 0.06:
            text = "||".join([text] + [self.simple() for _ in range(self.r.randint(1, 2))])
        r = self.r.random()
        if r < 0.06:
            return self.broken(text)
        if r < 0.09:
            return self.one(" ", "\t", "") + text.replace(" ", self.one("  ", "\t", " \t ")) + self.one(" ", "")
        return text

    def instant(self, zone):
        changes = self.changes[zone]
        r = self.r.random()
        if changes and r < 0.6:
            at = self.r.choice(changes)[0] * 1000 + self.r.randint(-2 * DAY, DAY // 2)
        elif r < 0.95:
            at = self.r.randint(0, 2145916800000)
        else:
            at = self.r.randint(0, TO)
        at = min(max(at, 0), TO)
        return at // 1000 * 1000 if self.r.random() < 0.7 else at

    def question(self):
        zone = self.r.choice(self.zones)
        return self.expression(), zone, self.instant(zone)


def read_changes(path):
    out = {}
    with open(path) as f:
        for line in f:
            zone, first, *rest = line.split()
            out[zone] = [(0, int(first))] + [tuple(map(int, c.split(","))) for c in rest]
    return out


# --- the documented differences ----------------------------------------------------------------------------------------

class Strange(Exception):
    """Text that the rewriting does not understand: it says nothing about it."""


NICKNAMES = {"@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *", "@monthly": "0 0 1 * *", "@weekly": "0 0 * * 0",
             "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@hourly": "0 * * * *"}


def number(f, text):
    if f in NAMES and text.upper() in NAMES[f]:
        return NAMES[f].index(text.upper()) + 1
    digits = text[1:] if text.startswith("+") else text
    if not digits.isdigit():
        raise Strange(text)
    return int(digits)


def span(f, element):
    """(from, to, step) of *, a, a-b, a/n, a-b/n."""
    head, _, step = element.partition("/")
    n = int(step) if step.isdigit() else 1
    if head in ("*", ""):
        return LOW[f], HIGH[f], n
    a, dash, b = head.partition("-")
    if dash:
        return number(f, a), number(f, b), n
    return number(f, a), (HIGH[f] if step else number(f, a)), n


def values(f, element):
    a, b, n = span(f, element)
    size = HIGH[f] - LOW[f] + 1
    b += size if b < a else 0
    return sorted({LOW[f] + (v - LOW[f]) % size for v in range(a, b + 1, n)})


def is_mark(f, element):
    e = element.upper()
    if f == 3:
        return e.startswith("L") or e.endswith("W")
    return f == 5 and (e.endswith("L") or "#" in e)


def unbar(fields):
    n = max(f.count("|") for f in fields) + 1
    if any(f.count("|") + 1 not in (1, n) for f in fields):
        raise Strange(fields)
    return [[f.split("|")[j] if "|" in f else f for f in fields] for j in range(n)]


def unix_weekday(field):
    """Days of the week of Unix cron (0 and 7 Sunday) in cron-utils' numbers."""
    out = []
    for e in field.split(","):
        if e.upper() == "L" or e == "*" or e == "?":
            out.append(e)
        elif is_mark(5, e):
            cut = e.find("#") if "#" in e else len(e) - 1
            v = e[:cut]
            v = v if v.upper() in NAMES[5] else str(number(5, v) % 7 + 1)
            out.append(v + e[cut:])
        else:
            head, slash, n = e.partition("/")
            parts = [NAMES[5].index(p.upper()) if p.upper() in NAMES[5] else p for p in head.split("-")]
            a = 0 if parts[0] in ("*", "") else number(5, str(parts[0]))
            b = number(5, str(parts[1])) if len(parts) > 1 else max(a, 6) if slash else a
            if a == 7:
                a, b = 0, b - 7 if b >= 7 else b
            b += 7 if b < a else 0
            out += [str(v % 7 + 1) for v in range(a, b + 1, int(n or 1))]
    return ",".join(dict.fromkeys(out))


def from_unix(fields):
    minute, hour, day, month, wday = fields
    w = unix_weekday(wday)
    both = [["0", minute, hour, day, month, w]]
    if day[0] in "*?/" or wday[0] in "*?/":
        return both
    return [["0", minute, hour, day, month, "*"], ["0", minute, hour, "*", month, w]]


def split_marks(fields):
    """L, LW, L-n, nW in a list of days: each element on its own."""
    elements = fields[3].split(",")
    if len(elements) < 2 or not any(is_mark(3, e) for e in elements):
        return None
    return [fields[:3] + [e] + fields[4:] for e in elements]


def month_ends(fields):
    """nW for n over 27: in months without a day n nothing; in those that end with it, LW."""
    day = fields[3].upper()
    if not day.endswith("W") or day == "LW" or int(day[:-1]) < 28:
        return None
    n = int(day[:-1])
    months = {v for e in fields[4].split(",") for v in values(4, e)}
    years = {v for e in (fields[6] if len(fields) > 6 else "*").split(",") for v in values(6, e)}
    out = []

    def add(text, some_months, some_years=None):
        if some_months and (some_years is None or some_years):
            year = [",".join(map(str, sorted(some_years)))] if some_years else fields[6:]
            out.append(fields[:3] + [text, ",".join(map(str, sorted(some_months))), fields[5]] + year)

    length = {m: 31 if m in (1, 3, 5, 7, 8, 10, 12) else 30 for m in range(1, 13) if m != 2}
    add("LW", {m for m in months if length.get(m) == n})
    add("%dW" % n, {m for m in months if length.get(m, 0) > n})
    leap = {y for y in years if y % 4 == 0}
    if 2 in months and n < 30:
        add("LW", {2}, leap if n == 29 else years - leap)
        if n == 28:
            add("28W", {2}, leap)
    return out


def unwrap(fields):
    """Ranges that run backwards; cron-utils knows them in the weekday, but not with a step."""
    out = list(fields)
    for f in range(6):
        elements = out[f].split(",")
        for i, e in enumerate(elements):
            if "-" in e and not is_mark(f, e) and span(f, e)[0] > span(f, e)[1] and (f < 5 or "/" in e):
                elements[i] = ",".join(map(str, values(f, e)))
        out[f] = ",".join(elements)
    return [out] if out != fields else None


def name_last(fields):
    """FRIL in a list."""
    elements = fields[5].split(",")
    if len(elements) < 2:
        return None
    for i, e in enumerate(elements):
        if is_mark(5, e) and "#" not in e and e[:-1].upper() in NAMES[5]:
            elements[i] = "%dL" % number(5, e[:-1])
    out = fields[:5] + [",".join(elements)] + fields[6:]
    return [out] if out != fields else None


def repeats(fields):
    """Does it run in real time through changes of offset?"""
    for f in range(3):
        if f == 0 and len(fields) == 5:
            continue
        text = fields[f - 1] if len(fields) == 5 else fields[f]
        n = len({v for e in text.split(",") for v in values(f, e)})
        if n == HIGH[f] + 1 or (n > 1 and f < 2 and ("*" in text or "/" in text)):
            return True
    return False


def question_twice(fields):
    return [fields[:5] + ["*"] + fields[6:]] if fields[3] == "?" and fields[5] == "?" else None


# Each gives the expressions in place of one, None when it does not concern it.
RULES = (("? twice", question_twice), ("marks in lists", split_marks), ("weekday at a month's end", month_ends),
         ("backward ranges", unwrap), ("names with L in lists", name_last))


def rewrite(text):
    """The rules that concern the text, and expressions that cron-utils reads as pj-time(7) says, each with a letter in front:
    r when it runs in real time through changes of offset, f when not."""
    rules, todo = set(), []
    for whole in text.split("||"):
        whole = whole.strip()
        if whole.lower() in NICKNAMES:
            rules.add("nickname")
            whole = NICKNAMES[whole.lower()]
        for fields in unbar(whole.split()):
            kind = "r" if repeats(fields) else "f"
            if len(fields) == 5:
                rules.add("five fields")
            todo += [(kind, x) for x in (from_unix(fields) if len(fields) == 5 else [fields])]
    for rule, apply in RULES:
        after = []
        for kind, fields in todo:
            if len(fields) not in (6, 7):
                raise Strange(text)
            changed = apply(fields)
            if changed is not None:
                rules.add(rule)
            after += [(kind, x) for x in ([fields] if changed is None else changed)]
        todo = after
    return rules, [kind + " ".join(fields) for kind, fields in todo]


# --- judging -----------------------------------------------------------------------------------------------------------

def lines(path):
    with open(path, encoding="latin-1") as f:
        return f.read().split("\n")[:-1]


def ask(n, seed, changes, dir):
    g = Generator(seed, read_changes(changes))
    with open(dir + "/ask", "w") as a, open(dir + "/rewrite", "w") as w, open(dir + "/rules", "w") as r:
        for i in range(n):
            expr, zone, ms = g.question()
            a.write("%s\t%s\t%d\n" % (expr, zone, ms))
            try:
                rules, exprs = rewrite(expr)
            except (Strange, ValueError, IndexError):
                continue
            if rules:
                r.write("%d\t%s\n" % (i, ", ".join(sorted(rules))))
                w.write("%s\t%s\t%d\n" % ("||".join(x[1:] for x in exprs) or NEVER, zone, ms))


class Case:
    """One question with all the answers there are."""

    def __init__(self, line, pj, java):
        self.expr, self.zone, self.ms = line.rsplit("\t", 2)
        self.line, self.pj, self.answers = line, pj, [("java", java)]
        self.rules = ""

    def first_difference(self, answer):
        """The two times that differ first, and the one before them; "never" and such words as they are."""
        before = self.ms
        for a, b in zip(self.pj.split(), answer.split()):
            if a != b:
                return before, a, b
            before = a
        return before, "", ""

    def at_change(self, changes):
        """Does the clock change up to where they differ first? cron-utils passes through the beginning of the last year."""
        for _, answer in self.answers:
            before, *differ = self.first_difference(answer)
            differ = [int(x) for x in differ if x.isdigit()]
            if differ and any(int(before) - 366 * DAY <= t * 1000 <= max(differ) + DAY for t, _ in changes[self.zone][1:]):
                return True
        return False

    def too_far(self, answer):
        before, a, b = self.first_difference(answer)
        return b == "never" and a.isdigit() and int(a) - int(before) > 99 * 365.25 * DAY

    def has_leftovers(self):
        if LEFTOVERS.search(self.expr):
            return True
        for fields in map(str.split, self.expr.split("||")):
            day = fields[2 if len(fields) == 5 else 3] if len(fields) > 4 else ""
            if re.search(r"\dL", day, re.I):
                return True
        return False

    def verdict(self, changes):
        """None when nothing explains the difference."""
        for name, answer in self.answers:
            if self.pj == answer:
                if name == "java":
                    return "same" if self.pj != "rejected" else "same: rejected"
                if name == "java2":
                    return self.rules
                return "clock change" if self.at_change(changes) else None
            if self.too_far(answer):
                return "over a hundred years"
        if self.pj == "rejected" and self.has_leftovers():
            return "leftovers"
        if self.answers[0][1] == "rejected" and self.pj != "rejected" and SPREAD.search(self.expr):
            return "H and ~"
        return None


def cases(dir):
    questions, pj, java = (lines(dir + "/" + name) for name in ("ask", "pj", "java"))
    if not len(questions) == len(pj) == len(java):
        sys.exit("crondiff: %d questions, %d and %d answers" % (len(questions), len(pj), len(java)))
    out = [Case(*x) for x in zip(questions, pj, java)]
    rules, java2 = lines(dir + "/rules"), lines(dir + "/java2")
    if len(rules) != len(java2):
        sys.exit("crondiff: %d rewritten questions, %d answers" % (len(rules), len(java2)))
    for line, answer in zip(rules, java2):
        i, why = line.split("\t")
        out[int(i)].rules = why
        out[int(i)].answers.append(("java2", answer))
    return out


def again(changes, dir):
    with open(dir + "/local", "w") as w, open(dir + "/which", "w") as x:
        for i, c in enumerate(cases(dir)):
            if c.verdict(changes) is None and c.at_change(changes):
                try:
                    _, exprs = rewrite(c.expr)
                except (Strange, ValueError, IndexError):
                    continue
                w.write("%s\t%s\t%s\n" % ("||".join(exprs) or "f" + NEVER, c.zone, c.ms))
                x.write("%d\n" % i)


def judge(changes, dir):
    all, count, bad = cases(dir), collections.Counter(), 0
    for i, answer in zip(lines(dir + "/which"), lines(dir + "/java3")):
        all[int(i)].answers.append(("java3", answer))
    for c in all:
        verdict = c.verdict(changes)
        for why in verdict.split(", ") if verdict else [None]:
            count[why] += 1
        if verdict is None:
            print("%s\n  %-6s %s" % (c.line, "pj", c.pj))
            for name, answer in c.answers:
                print("  %-6s %s" % (name, answer))
            print("  %s" % c.rules)
    bad = count.pop(None, 0)
    for what, n in count.most_common():
        print("# %6d %s" % (n, what))
    print("# %6d unexplained of %d" % (bad, len(all)))
    return 1 if bad else 0


def main(argv):
    what = argv[1] if len(argv) > 1 else ""
    if what == "zones":
        print("\n".join(ZONES))
    elif what == "common":
        pj, java = lines(argv[2]), set(lines(argv[3]))
        for line in pj:
            if line in java:
                print(line)
            else:
                print("crondiff: left out: the two sides have different data of", line.split()[0], file=sys.stderr)
    elif what == "ask":
        ask(int(argv[2]), int(argv[3]), argv[4], argv[5])
    elif what == "judge":
        return judge(read_changes(argv[2]), argv[3])
    elif what == "again":
        again(read_changes(argv[2]), argv[3])
    else:
        print(__doc__, file=sys.stderr)
        return 64
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
