import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.time.LocalDateTime;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.time.zone.ZoneRules;
import java.time.zone.ZoneRulesException;
import java.time.zone.ZoneRulesProvider;
import java.util.Map;
import java.util.TreeMap;

/**
 * Compares what tzdump (tests/sh/tzdump.c) says of time zones, on standard input, with java.time. The argument is the
 * version of the system's zone data. Where Java's is another one a zone may differ, and is named; else a difference is
 * exit status 1. The last line: zones N facts N differ N unknown N.
 */
public final class ZoneCheck {
    private static final DateTimeFormatter CLOCK = DateTimeFormatter.ofPattern("yyyy-MM-dd'T'HH:mm:ss");
    private static final long FORTNIGHT = 14 * 86400, TO = 2366841600L;

    private final Map<String, String> different = new TreeMap<>();
    private String zone;
    private ZoneRules rules;
    private String previous;
    private int zones, unknown;
    private long facts;

    /** At its end a span is known: each fortnight of it must have its offset. */
    private void span(String[] begin, long end) {
        if (begin == null || rules == null) {
            return;
        }
        for (long sec = (Long.parseLong(begin[1]) + FORTNIGHT - 1) / FORTNIGHT * FORTNIGHT; sec < end; sec += FORTNIGHT) {
            int offset = rules.getOffset(Instant.ofEpochSecond(sec)).getTotalSeconds();
            if (offset != Integer.parseInt(begin[2])) {
                differ("offset at " + sec + ": " + begin[2], String.valueOf(offset));
                return;
            }
        }
    }

    private void differ(String pj, String java) {
        different.putIfAbsent(zone, pj + ", java has " + java);
    }

    private void enter(String name) {
        span(previous == null ? null : previous.split(" "), TO);
        previous = null;
        zone = name;
        zones++;
        try {
            rules = ZoneId.of(name).getRules();
        } catch (ZoneRulesException e) {
            rules = null;
            unknown++;
        }
    }

    private void reading(String line, String[] word) {
        LocalDateTime t = LocalDateTime.ofInstant(Instant.ofEpochSecond(Long.parseLong(word[1])),
            rules.getOffset(Instant.ofEpochSecond(Long.parseLong(word[1]))));
        String java = "U " + word[1] + " " + CLOCK.format(t) + " " + (t.getDayOfWeek().getValue() % 7 + 1) + " "
            + rules.getOffset(Instant.ofEpochSecond(Long.parseLong(word[1]))).getTotalSeconds();
        if (!java.equals(line)) {
            differ(line, java);
        }
    }

    private void instants(String line, String[] word) {
        LocalDateTime t = LocalDateTime.parse(word[1], CLOCK);
        StringBuilder java = new StringBuilder("L " + word[1] + " ");
        java.append(rules.getValidOffsets(t).size());
        rules.getValidOffsets(t).stream().mapToLong((ZoneOffset o) -> t.toEpochSecond(o)).sorted()
            .forEach(sec -> java.append(' ').append(sec));
        if (!java.toString().equals(line)) {
            differ(line, java.toString());
        }
    }

    private void read(BufferedReader in) throws IOException {
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            String[] word = line.split(" ");
            facts++;
            if (word[0].equals("Z")) {
                enter(word[1]);
            } else if (word[0].equals("S")) {
                span(previous == null ? null : previous.split(" "), Long.parseLong(word[1]));
                previous = line;
            } else if (rules != null && word[0].equals("U")) {
                reading(line, word);
            } else if (rules != null) {
                instants(line, word);
            }
        }
        span(previous == null ? null : previous.split(" "), TO);
    }

    public static void main(String[] args) throws IOException {
        ZoneCheck c = new ZoneCheck();
        String java = ZoneRulesProvider.getVersions("Europe/Berlin").lastEntry().getKey();
        boolean same = args.length > 0 && args[0].equals(java);

        c.read(new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8)));
        System.out.println("# zone data: the system has " + (args.length > 0 ? args[0] : "an unknown one") + ", Java " + java
            + (same ? "" : ": zones that differ are left out"));
        c.different.forEach((zone, how) -> System.out.println((same ? "" : "# left out: ") + zone + ": " + how));
        System.out.println("zones " + c.zones + " facts " + c.facts + " differ " + c.different.size() + " unknown " + c.unknown);
        if ((same && !c.different.isEmpty()) || c.different.size() > c.zones / 10 || c.unknown > c.zones / 10) {
            System.exit(1);
        }
    }
}
