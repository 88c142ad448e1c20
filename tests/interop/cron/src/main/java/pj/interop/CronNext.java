package pj.interop;

import com.cronutils.model.Cron;
import com.cronutils.model.definition.CronDefinitionBuilder;
import com.cronutils.model.time.ExecutionTime;
import com.cronutils.parser.CronParser;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.time.ZonedDateTime;
import java.time.zone.ZoneOffsetTransition;
import java.time.zone.ZoneRules;
import java.util.Optional;

/**
 * The other side of tests/sh/cronnext.c, by cron-utils with the fields that PowerJob gives it. Lines EXPR TAB ZONE TAB MS
 * come in; the next three times go out, or a word: rejected, never, error. With --changes, zones come in, and their changes
 * of offset go out. With --local, cron-utils gives readings of the clock only, and which instants these are is as pj-time(7)
 * has it; each expression then has r in front when it runs in real time, f when it has fixed times of day. With --rate,
 * how many next times a second it gives, of each line, one after the other for ten years at most, once it is warm.
 */
public final class CronNext {
    private static final long FROM = 0L;
    private static final long TO = 4102444800L;

    private static CronParser parser() {
        return new CronParser(CronDefinitionBuilder.defineCron()
                .withSeconds().withValidRange(0, 59).and()
                .withMinutes().withValidRange(0, 59).and()
                .withHours().withValidRange(0, 23).and()
                .withDayOfMonth().withValidRange(1, 31).supportsL().supportsLW().supportsW().supportsQuestionMark().and()
                .withMonth().withValidRange(1, 12).and()
                .withDayOfWeek().withValidRange(1, 7).withMondayDoWValue(2).supportsL().supportsHash()
                .supportsQuestionMark().and()
                .withYear().withValidRange(1970, 2099).withStrictRange().optional().and()
                .instance());
    }

    private static String next(CronParser parser, String expr, ZoneId zone, long ms) {
        StringBuilder out = new StringBuilder();
        Cron cron;
        try {
            cron = parser.parse(expr);
        } catch (RuntimeException e) { // index out of bounds, too
            return "rejected";
        }
        try {
            ExecutionTime time = ExecutionTime.forCron(cron);
            for (int i = 0; i < 3; i++) {
                Optional<ZonedDateTime> at = time.nextExecution(Instant.ofEpochMilli(ms).atZone(zone));
                if (!at.isPresent()) {
                    return out.append("never").toString();
                }
                ms = at.get().toEpochSecond() * 1000;
                out.append(ms).append(i < 2 ? " " : "");
            }
        } catch (RuntimeException e) {
            out.append("error");
        }
        return out.toString();
    }

    /** The first of the reading's instants at or after from, of those that pj-time(7) says; null when there is none. */
    private static Long local(ExecutionTime time, boolean real, ZoneRules rules, long from) {
        while (from <= TO) {
            Instant at = Instant.ofEpochSecond(from);
            ZoneOffsetTransition begin = rules.previousTransition(at.plusSeconds(1));
            ZoneOffsetTransition end = rules.nextTransition(at);
            long offset = rules.getOffset(at).getTotalSeconds();
            long low = from;
            if (begin != null && begin.isOverlap() && !real) { /* these readings were there before */
                low = Math.max(low, begin.toEpochSecond() - begin.getDuration().getSeconds());
            }
            Optional<ZonedDateTime> found = time
                    .nextExecution(Instant.ofEpochSecond(low + offset - 1).atZone(ZoneOffset.UTC));
            if (!found.isPresent()) {
                return null;
            }
            long next = found.get().toEpochSecond() - offset;
            if (end == null || next < end.toEpochSecond()) {
                return next;
            }
            from = end.toEpochSecond();
        }
        return null;
    }

    private static String nextLocal(CronParser parser, String exprs, ZoneId zone, long ms) {
        StringBuilder out = new StringBuilder();
        long from = Math.floorDiv(ms, 1000L) + 1;
        for (int i = 0; i < 3; i++) {
            Long best = null;
            for (String expr : exprs.split("\\|\\|")) {
                ExecutionTime time = ExecutionTime.forCron(parser.parse(expr.substring(1)));
                Long at = local(time, expr.charAt(0) == 'r', zone.getRules(), from);
                best = best == null || at != null && at < best ? at : best;
            }
            if (best == null) {
                return out.append("never").toString();
            }
            out.append(best * 1000).append(i < 2 ? " " : "");
            from = best + 1;
        }
        return out.toString();
    }

    private static String changes(String zone) {
        StringBuilder out = new StringBuilder(zone);
        Instant at = Instant.ofEpochSecond(FROM);
        out.append(' ').append(ZoneId.of(zone).getRules().getOffset(at).getTotalSeconds());
        for (;;) {
            ZoneOffsetTransition t = ZoneId.of(zone).getRules().nextTransition(at);
            if (t == null || t.toEpochSecond() >= TO) {
                return out.toString();
            }
            at = t.getInstant();
            if (!t.getOffsetBefore().equals(t.getOffsetAfter())) {
                out.append(' ').append(t.toEpochSecond()).append(',').append(t.getOffsetAfter().getTotalSeconds());
            }
        }
    }

    private static String rate(CronParser parser, String expr, ZoneId zone, long from) {
        ExecutionTime time = ExecutionTime.forCron(parser.parse(expr));
        long n = 0, began = System.nanoTime();
        ZonedDateTime start = Instant.ofEpochMilli(from).atZone(zone), at = start;
        while (System.nanoTime() - began < 1_500_000_000L) {
            if (n > 0 && System.nanoTime() - began < 1_000_000_000L) { /* the compiler needs a second */
                n = 0;
            }
            for (int i = 0; i < 20; i++, n++) {
                Optional<ZonedDateTime> next = time.nextExecution(at);
                at = next.isPresent() && next.get().getYear() < start.getYear() + 10 ? next.get() : start;
            }
        }
        return n * 2 + "/s " + zone + " " + expr;
    }

    public static void main(String[] args) throws Exception {
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.ISO_8859_1));
        PrintStream out = new PrintStream(new java.io.FileOutputStream(java.io.FileDescriptor.out), false, "ISO-8859-1");
        CronParser parser = parser();
        String line;
        while ((line = in.readLine()) != null) {
            if (args.length > 0 && args[0].equals("--changes")) {
                out.println(changes(line));
                continue;
            }
            String[] part = line.split("\t", -1);
            int n = part.length;
            String expr = String.join("\t", java.util.Arrays.copyOf(part, n - 2));
            if (args.length > 0 && args[0].equals("--rate")) {
                out.println(rate(parser, expr, ZoneId.of(part[n - 2]), Long.parseLong(part[n - 1])));
                continue;
            }
            boolean local = args.length > 0 && args[0].equals("--local");
            out.println(local ? nextLocal(parser, part[0], ZoneId.of(part[1]), Long.parseLong(part[2])) : next(parser, expr, ZoneId.of(part[n - 2]), Long.parseLong(part[n - 1])));
        }
        out.flush();
    }
}
